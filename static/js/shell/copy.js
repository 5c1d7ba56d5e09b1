// Copy the lines of a list to the clipboard, and say so on the button.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const lines = [...document.getElementById(button.dataset.copy).children].map((line) => line.textContent.trim());
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    button.textContent = button.dataset.done;
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
});
