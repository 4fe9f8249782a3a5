// What HTMX cannot do on the page of tools: Enter that calls, the way to what is to be mended, and word of a server that is gone.
addEventListener("keydown", event => {
  const box = event.target
  if (event.key !== "Enter" || event.isComposing || !box.matches(".tool-form textarea")) return
  // One line is what most texts have; in a list or in JSON a new line is meant.
  if (box.matches(".is-text") ? event.shiftKey : !event.ctrlKey && !event.metaKey) return
  event.preventDefault()
  box.form.requestSubmit()
})

addEventListener("htmx:after:request", event => {
  const { sourceElement, response } = event.detail.ctx
  if (response.status !== 422) return
  document.addEventListener("htmx:after:swap", () => sourceElement.querySelector("[aria-invalid]")?.focus(), { once: true })
})

addEventListener("htmx:error", event => {
  const outcome = event.detail.ctx?.sourceElement.querySelector(".tool-outcome")
  outcome?.replaceChildren(document.getElementById("offline").content.cloneNode(true))
})
