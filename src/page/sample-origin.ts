/** The origin in the code of /openapi.json. The page that shows it puts its own in place of it. */
export const SAMPLE_ORIGIN = 'https://edge-fill-mask.example';
