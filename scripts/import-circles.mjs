/**
 * The first circle among pairs [from, to], with its first member again at the end; undefined when there is none.
 * @param {readonly (readonly string[])[]} pairs
 * @returns {string[] | undefined}
 */
export function circleIn(pairs) {
  const targets = new Map();
  for (const [from, to] of pairs) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set();
  const visit = (name, path) => {
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    if (done.has(name)) return undefined;
    for (const to of targets.get(name) ?? []) {
      const circle = visit(to, [...path, name]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of targets.keys()) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}
