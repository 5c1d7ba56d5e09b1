// Choose the phone's own time zone in a select that has none chosen.

function choose() {
  const select = document.querySelector("[data-zone-here]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!select || select.value || !here) return;
  if (![...select.options].some(({ value }) => value === here)) select.append(new Option(here, here));
  select.value = here;
}

choose();
