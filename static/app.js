// What HTMX cannot do: keys, copying, staying at the end of a growing answer, and word of a server that is gone.
const byId = id => document.getElementById(id)
const message = () => byId("message")
const page = document.scrollingElement

let atEnd = true
let asked = null
const toEnd = () => page.scrollTo(0, page.scrollHeight)
const sends = element => element?.matches("#composer, .resend")
// Turns are counted by the styles, which cannot know how many come before those that are shown.
const count = () => { byId("turns").style.counterReset = `turn ${byId("earlier")?.dataset.turns ?? 0}` }
const toCall = item => item?.querySelector("summary").focus({ preventScroll: true })
const fit = box => { if (!CSS.supports("field-sizing", "content")) box.rows = Math.min(12, box.value.split("\n").length) }

addEventListener("keydown", event => {
  const box = document.querySelector('[aria-keyshortcuts="/"]')
  if (!box || event.isComposing) return
  if (event.target === box && event.key === "Enter" && !event.shiftKey) {
    event.preventDefault()
    if (!document.querySelector(".stops button")) box.form.requestSubmit()
  } else if (event.key === "Enter" && !event.shiftKey && event.target.matches(".edit textarea")) {
    event.preventDefault()
    event.target.form.requestSubmit()
  } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault()
    box.focus()
  }
})

addEventListener("input", event => { if (event.target === message()) fit(event.target) })

addEventListener("click", async event => {
  if (event.target.closest(".stop")) message().focus()
  // The question goes once it is answered; the line of its call stays.
  if (event.target.closest(".ask-approval button")) toCall(event.target.closest("li"))
  // A number in an answer opens what its source in the list below opens; without scripts it leads there.
  const citation = event.target.closest(".citation")
  const source = citation && document.querySelector(`${citation.hash} [data-panel]`)
  if (source) {
    event.preventDefault()
    source.click()
  }
  if (event.target.closest("[data-panel]")) byId("panel").showPopover()
  const button = event.target.closest("[data-copy], [data-copy-code]")
  if (!button) return
  await navigator.clipboard.writeText(button.dataset.copy ?? button.closest(".code").querySelector("code").textContent)
  const label = button.querySelector("span")
  label.textContent = "Copied"
  setTimeout(() => { label.textContent = "Copy" }, 1500)
})

addEventListener("htmx:before:swap", event => {
  // A question may be answered elsewhere, or too late, while one is on its buttons.
  asked = document.activeElement?.closest(".ask-approval")?.closest("li").id
  const fromEnd = page.scrollHeight - page.scrollTop
  const source = event.detail.ctx?.sourceElement
  const earlier = source?.id === "earlier"
  atEnd = !earlier && fromEnd - innerHeight < 48
  if (!earlier && !source?.matches(".resend")) return
  // What was said long ago must not push away what is being read, and is no news to read out.
  const turns = byId("turns")
  turns.ariaLive = "off"
  setTimeout(() => { turns.ariaLive = null }, 1000)
  addEventListener("htmx:before:settle", () => {
    count()
    if (earlier) page.scrollTo(0, page.scrollHeight - fromEnd)
  }, { once: true })
})
addEventListener("htmx:after:swap", () => {
  if (asked && document.activeElement === document.body) toCall(byId(asked))
  if (atEnd && byId("turns")) toEnd()
})

addEventListener("htmx:after:request", event => {
  const { sourceElement, response } = event.detail.ctx
  if (!sends(sourceElement) || response.status >= 400) return
  const box = message()
  if (sourceElement === box.form) box.value = ""
  fit(box)
  box.focus()
  // The reader who sends wants to see what comes of it, wherever they had scrolled to.
  document.addEventListener("htmx:after:swap", toEnd, { once: true })
})

addEventListener("htmx:error", event => {
  if (!sends(event.detail.ctx?.sourceElement)) return
  byId("composer-problem").replaceChildren(byId("offline").content.cloneNode(true))
})

if (byId("turns")?.querySelector(".turn")) {
  count()
  if (!location.hash) toEnd()
}
