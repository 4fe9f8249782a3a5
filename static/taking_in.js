// What HTMX cannot do where documents are taken in: places to drop files on, and word of what cannot be sent.
const form = document.getElementById("take-in")
const files = document.getElementById("files")
const attach = document.getElementById("attach")
const problem = document.getElementById("take-in-problem")
const zones = [...document.querySelectorAll(".drop, #composer")]
const tell = name => problem.replaceChildren(document.getElementById(name).content.cloneNode(true))

for (const name of ["dragover", "dragleave", "drop"]) addEventListener(name, event => {
  if (!event.dataTransfer.types.includes("Files")) return
  const zone = zones.find(zone => zone.contains(event.target))
  for (const one of zones) one.classList.toggle("is-over", one === zone && name === "dragover")
  // The field takes what is dropped on it by itself; a file that misses all places must not lead away from the page.
  if (event.target === files) return
  event.preventDefault()
  if (name !== "drop" || !zone) return
  files.files = event.dataTransfer.files
  files.dispatchEvent(new Event("change"))
  attach?.togglePopover(true)
})

files.addEventListener("change", () => {
  const size = [...files.files].reduce((sum, file) => sum + file.size, 0)
  // A browser would send all of it before it heard that it is too much.
  if (size > form.dataset.mostBytes) {
    files.value = ""
    tell("too-large")
  } else problem.replaceChildren()
})

addEventListener("htmx:after:request", event => {
  const { sourceElement, response } = event.detail.ctx
  if (sourceElement !== form || response.status >= 400) return
  files.value = ""
  attach?.hidePopover()
  document.getElementById("ingestions").scrollIntoView({ block: "nearest" })
})

addEventListener("htmx:error", event => { if (event.detail.ctx?.sourceElement === form) tell("not-sent") })
