/** Session recorders leave a field with these attributes out. */
export const unrecorded = {
  "data-sentry-mask": "",
  "data-sentry-block": "",
  "data-dd-privacy": "hidden",
  "data-hj-suppress": "",
  "data-private": "",
  "data-clarity-mask": "true",
  "data-1p-ignore": "",
  "data-lpignore": "true",
};
