/** Writes the times of a part of the page in the viewer's zone, with the exact one on hover. */
const language = document.documentElement.lang;
const exact = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'long' });
const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
const brief = new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' });
const minute = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const second = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
const formats = { day, brief, minute, second };

export function showTimes(part) {
  for (const time of part.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = (formats[time.dataset.to] ?? minute).format(at);
    time.title = exact.format(at);
  }
}
