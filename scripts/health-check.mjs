// The health check of the image, which has no curl: exit code 0 when the process responds to /healthz.
const url = `http://127.0.0.1:${process.env.PORT || 3000}/healthz`;
const isUp = await fetch(url, { signal: AbortSignal.timeout(4_000) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exitCode = isUp ? 0 : 1;
