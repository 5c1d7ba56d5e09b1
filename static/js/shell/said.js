// On a page that was opened to say what was done (erp/web/edge/notices.py): the words for that leave the address at
// once, so that a reload, a bookmark or the way back does not say it again.

const address = new URL(location.href);
for (const word of ["ended", "saved", "sent", "withdrawn"]) address.searchParams.delete(word);
history.replaceState(history.state, "", address);
