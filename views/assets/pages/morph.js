/** Updates an element's children to match another's and reuses existing elements, so that the focus stays. */
export function morph(from, to) {
  const kept = new Map([...from.children].filter(({ id }) => id).map((child) => [child.id, child]));
  let cursor = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const found = wanted.id ? kept.get(wanted.id) : isSameKind(cursor, wanted) ? cursor : null;
    if (!found) {
      from.insertBefore(wanted, cursor);
      continue;
    }
    if (found === cursor) cursor = cursor.nextSibling;
    else from.insertBefore(found, cursor);
    update(found, wanted);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function isSameKind(node, wanted) {
  return node && node.nodeType === wanted.nodeType && node.nodeName === wanted.nodeName && !node.id && !wanted.id;
}

function update(node, wanted) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== wanted.nodeValue) node.nodeValue = wanted.nodeValue;
    return;
  }
  if (node.isEqualNode(wanted)) return;
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name) && !isOwn(node, name)) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  morph(node, wanted);
}

/** Checks for attributes that belong to the viewer: opened details, and the tabindex of the focused element. */
function isOwn(node, name) {
  return (name === 'open' && node.matches('details, dialog')) || (name === 'tabindex' && node === document.activeElement);
}
