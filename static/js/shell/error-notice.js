// Say so where htmx asked and got no usable answer. A wrong field (422) and a sign-in (401) speak for themselves.

const errorNotice = document.getElementById("error-notice");

function sayError(text) {
  errorNotice.textContent = text;
  errorNotice.hidden = false;
}

document.addEventListener("htmx:error", () => sayError(errorNotice.dataset.network));
document.addEventListener("htmx:response:error", ({ detail }) => {
  const { status, headers } = detail.ctx.response;
  const minutes = String(Math.ceil((Number(headers.get("Retry-After")) || 60) / 60));
  if (status !== 401 && status !== 422)
    sayError(status === 429 ? errorNotice.dataset.often.replace("{minutes}", minutes) : errorNotice.dataset.server);
});
document.addEventListener("htmx:before:request", () => {
  errorNotice.hidden = true;
});
