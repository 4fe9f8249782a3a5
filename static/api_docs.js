// Shows the server's own description; asks no other host (a validator would).
const dark = matchMedia("(prefers-color-scheme: dark)")
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches)
dark.addEventListener("change", followScheme)
followScheme()
// Swagger UI keeps the address of this page, and a browser then leaves the focus where it is.
document.querySelector(".skip").addEventListener("click", () => document.getElementById("main").focus())

SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#api-docs",
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
})
