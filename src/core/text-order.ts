/**
 * Compares two texts by UTF-16 code unit, the order the contract asks for everywhere (spec M4, A2, C2, N2): unlike a
 * locale's order it is the same on every machine.
 */
export function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
