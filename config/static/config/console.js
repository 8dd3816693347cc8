// Swagger UI with the OpenAPI document of this site; calls go to where this page came from, and to no other host.
"use strict";
const place = document.getElementById("console");
fetch(place.dataset.document).then((answer) => answer.json()).then((spec) => {
  // In addresses Swagger UI takes underscores for spaces.
  for (const methods of Object.values(spec.paths)) {
    for (const call of Object.values(methods)) call.operationId = call.operationId.replaceAll("_", "-");
  }
  window.SwaggerUIBundle({
    spec: { ...spec, servers: [{ url: window.location.origin }] },
    domNode: place,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    tryItOutEnabled: false,
    validatorUrl: null,
    persistAuthorization: false, // a key stays in this tab, and goes with it
  });
});
