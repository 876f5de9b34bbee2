/** Shows /openapi.json by Swagger UI, which the script before this one brings. */

declare const SwaggerUIBundle: (options: Readonly<Record<string, unknown>>) => unknown;

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  // The validator's badge would come from another host.
  validatorUrl: null,
});
