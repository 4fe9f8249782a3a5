// What HTMX cannot do: keys, copying, staying at the end of a growing answer, and word of a server that is gone.
const byId = id => document.getElementById(id)
const message = () => byId("message")
const page = document.scrollingElement

let atEnd = true
const toEnd = () => page.scrollTo(0, page.scrollHeight)
const fit = box => { if (!CSS.supports("field-sizing", "content")) box.rows = Math.min(12, box.value.split("\n").length) }

addEventListener("keydown", event => {
  const box = message()
  if (!box || event.isComposing) return
  if (event.target === box && event.key === "Enter" && !event.shiftKey) {
    event.preventDefault()
    if (!document.querySelector(".stops button")) box.form.requestSubmit()
  } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault()
    box.focus()
  }
})

addEventListener("input", event => { if (event.target === message()) fit(event.target) })

addEventListener("click", async event => {
  if (event.target.closest(".stop")) message().focus()
  const button = event.target.closest("[data-copy]")
  if (!button) return
  await navigator.clipboard.writeText(button.dataset.copy)
  const label = button.querySelector("span")
  label.textContent = "Copied"
  setTimeout(() => { label.textContent = "Copy" }, 1500)
})

addEventListener("htmx:before:swap", () => { atEnd = page.scrollHeight - page.scrollTop - innerHeight < 48 })
addEventListener("htmx:after:swap", () => { if (atEnd && byId("turns")) toEnd() })

addEventListener("htmx:after:request", event => {
  const { sourceElement, response } = event.detail.ctx
  if (sourceElement.id !== "composer" || response.status >= 400) return
  const box = message()
  box.value = ""
  fit(box)
  box.focus()
  // The reader who sends wants to see what comes of it, wherever they had scrolled to.
  document.addEventListener("htmx:after:swap", toEnd, { once: true })
})

addEventListener("htmx:error", event => {
  if (event.detail.ctx?.sourceElement.id !== "composer") return
  byId("composer-problem").replaceChildren(byId("offline").content.cloneNode(true))
})

if (byId("turns")?.querySelector(".turn")) toEnd()
