/** Counts the segments of an SMS while its text is typed, by the rules of its connection. Without this script they are shown after sending. */
export function enhanceSegments() {
  document.addEventListener('input', ({ target }) => {
    const box = target.form?.querySelector('[data-segments]');
    if (!box || target.name !== box.dataset.segmentsOf) return;
    const { encoding, segmentCount, remaining } = countSegments(target.value, JSON.parse(box.dataset.segments));
    const values = { segments: segmentCount, encoding: JSON.parse(box.dataset.encodings)[encoding], remaining };
    box.textContent = box.dataset.template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  });
}

/** Counts as the server does. */
export function countSegments(text, { encodings, replacements }) {
  const characters = [...[...text].map((sign) => replacements[sign] ?? sign).join('')];
  const [preferred, ...others] = encodings.map((rule) => count(characters, rule));
  if (preferred) return preferred;
  return others.reduce((best, next) => (best && !(next && next.segmentCount < best.segmentCount) ? best : next));
}

/** @returns null when the encoding lacks a character */
function count(characters, { encoding, single, double, maxSingle, maxPart }) {
  const ofOne = single === null ? null : new Set(single);
  const ofTwo = new Set(double);
  const units = characters.map((one) => {
    if (ofOne === null) return one.length;
    return ofOne.has(one) ? 1 : ofTwo.has(one) ? 2 : Number.NaN;
  });
  const length = units.reduce((sum, unit) => sum + unit, 0);
  if (Number.isNaN(length)) return null;
  if (length <= maxSingle) return { encoding, segmentCount: 1, length, capacity: maxSingle, remaining: maxSingle - length };
  let segmentCount = 1;
  let last = 0;
  for (const unit of units) {
    if (last + unit > maxPart) {
      segmentCount += 1;
      last = 0;
    }
    last += unit;
  }
  return { encoding, segmentCount, length, capacity: maxPart * segmentCount, remaining: maxPart - last };
}
