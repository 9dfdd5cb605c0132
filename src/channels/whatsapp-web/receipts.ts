/** A message that was accepted for longer without a receipt is counted: such servers can be silent while they report that they work. */
export const receiptWithinMs = 2 * 60_000;
