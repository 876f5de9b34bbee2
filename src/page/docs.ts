/** Shows /openapi.json with Swagger UI, which the script before this one loads. */

declare const SwaggerUIBundle: (options: Readonly<Record<string, unknown>>) => unknown;

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  // The badge of the validator would come from another host.
  validatorUrl: null,
});

const isDark = matchMedia('(prefers-color-scheme: dark)');
const applyScheme = () => document.documentElement.classList.toggle('dark-mode', isDark.matches);
isDark.addEventListener('change', applyScheme);
applyScheme();
