// The reference is drawn from the OpenAPI document of this site; nothing is asked of any other host.
"use strict";
const place = document.getElementById("reference");
window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  tryItOutEnabled: false,
  validatorUrl: null,
  persistAuthorization: false, // a key stays in this tab, and goes with it
});
