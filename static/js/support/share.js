// Hand a link to the phone's own share sheet. Where there is none the button stays what it is: it copies.

function offer() {
  if (!navigator.share) return;
  for (const button of document.querySelectorAll("[data-share]")) {
    delete button.dataset.copy;
    button.textContent = button.dataset.textShare;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-share]:not([data-copy])");
  if (!button) return;
  // Closing the sheet again rejects; that is an answer, not trouble.
  navigator.share({ text: button.dataset.textMessage, url: button.dataset.share }).catch(() => {});
});

offer();
