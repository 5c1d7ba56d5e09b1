// Choose the phone's own time zone in a select that has none chosen.

function choose() {
  const select = document.querySelector("[data-zone-here]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (select && !select.value && here) select.value = here;
  if (select && select.selectedIndex < 0) select.selectedIndex = 0;
}

choose();
