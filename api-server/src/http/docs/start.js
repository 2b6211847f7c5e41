// Shows the OpenAPI document of this server. A token that is entered under "Authorize" stays in the memory of the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  // The validator badge would send the address of the document to a service on the internet.
  validatorUrl: null,
});
