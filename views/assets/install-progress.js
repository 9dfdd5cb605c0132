/** Follows an agency's install until all of its locations are connected. */
const box = document.getElementById('progress');
const bar = document.getElementById('progress-bar');
const text = document.getElementById('progress-text');
const everyMs = 3_000;

async function look() {
  const answer = await fetch(`/progress?ticket=${encodeURIComponent(box.dataset.ticket)}`).catch(() => null);
  if (answer?.ok) {
    const { connected, total, isDone } = await answer.json();
    bar.max = Math.max(total, 1);
    bar.value = connected;
    const count = `${connected.toLocaleString()} of ${total.toLocaleString()} locations are connected.`;
    text.textContent = isDone ? `Done: ${count}` : count;
    if (isDone) return;
  }
  setTimeout(look, everyMs);
}

look();
