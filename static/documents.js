// What HTMX cannot do on the page of documents: a key, a place to drop files on, and word of what cannot be sent.
const form = document.getElementById("take-in")
const files = document.getElementById("files")
const drop = files.closest(".drop")
const problem = document.getElementById("take-in-problem")
const tell = name => problem.replaceChildren(document.getElementById(name).content.cloneNode(true))

addEventListener("keydown", event => {
  if (event.key !== "/" || event.target.closest("input, textarea, select")) return
  event.preventDefault()
  document.getElementById("query").focus()
})

// The field itself takes what is dropped on it; a file that misses it must not lead away from the page.
for (const name of ["dragover", "drop"]) addEventListener(name, event => { if (event.target !== files) event.preventDefault() })
for (const name of ["dragenter", "dragover"]) files.addEventListener(name, () => drop.classList.add("is-over"))
for (const name of ["dragleave", "drop"]) files.addEventListener(name, () => drop.classList.remove("is-over"))

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
  document.getElementById("ingestions").scrollIntoView({ block: "nearest" })
})

addEventListener("htmx:error", event => { if (event.detail.ctx?.sourceElement === form) tell("offline") })
