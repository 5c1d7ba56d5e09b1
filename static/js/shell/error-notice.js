// Say so where htmx asked and got no usable answer. A wrong field (422) and a sign-in (401) speak for themselves.

const notice = document.getElementById("trouble");

function say(text) {
  notice.textContent = text;
  notice.hidden = false;
}

document.addEventListener("htmx:error", () => say(notice.dataset.network));
document.addEventListener("htmx:response:error", ({ detail }) => {
  const { status } = detail.ctx.response;
  if (status !== 401 && status !== 422) say(status === 429 ? notice.dataset.often : notice.dataset.server);
});
document.addEventListener("htmx:before:request", () => {
  notice.hidden = true;
});
