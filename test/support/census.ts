/** How many entries each collection within `root` has, by its path; what a private `#field` holds is not seen. */
export function census(root: object): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const seen = new Set<object>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) return;
    seen.add(value);
    if (value instanceof Map || value instanceof Set) counts.set(path, value.size);
    if (Array.isArray(value)) counts.set(path, value.length);
    const inside = value instanceof Map || value instanceof Set ? [...value.values()] : [];
    for (const each of inside) visit(each, `${path}[]`);
    for (const [name, each] of Object.entries(value))
      visit(each, Array.isArray(value) ? `${path}[]` : `${path}.${name}`);
  };
  visit(root, '');
  return counts;
}

/** Paths whose collections have more in them than before, as `path: 0 -> 5`. Those under `kept` are left out. */
export function grown(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  kept: readonly string[] = [],
): string[] {
  return [...after]
    .filter(([path, size]) => size > (before.get(path) ?? 0) && !kept.some((each) => path.startsWith(each)))
    .map(([path, size]) => `${path}: ${before.get(path) ?? 0} -> ${size}`);
}
