/**
 * Sent with every answer. The page uses only its own scripts, styles and API, so nothing else is allowed; uPlot and
 * Preact set styles through the CSSOM, which needs no 'unsafe-inline'.
 */
export const securityHeaders = {
  'content-security-policy': [
    "default-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;
