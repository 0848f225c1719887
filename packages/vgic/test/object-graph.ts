import { type Runtime, Session } from 'node:inspector';

/** What node's types leave out. */
type Properties = Runtime.GetPropertiesReturnType & { readonly privateProperties?: Runtime.PropertyDescriptor[] };

/**
 * Every field of an object and of all that it leads to, private ones included, as the debugger sees them: by path, as text.
 * So a field that nobody thought of is in it too. Functions and what only types know are left out.
 */
export function objectGraph(root: object): Map<string, string> {
  const session = new Session();
  session.connect();
  const post = <Answer>(method: string, params: object): Answer => {
    let answer: unknown;
    session.post(method, params, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer as Answer;
  };
  const seen = new Map<object, string>();
  const fields = new Map<string, string>();
  const scope = globalThis as { graphRoot?: object; graphVisit?: (path: string, value: object) => string };
  scope.graphRoot = root;
  // in the realm itself, since the debugger has no identity of objects: the text of one that is a leaf, or else nothing
  scope.graphVisit = (path, value) => {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return value instanceof ArrayBuffer ? 'buffer' : `${value.constructor.name} ${value}`;
    }
    const known = seen.get(value);
    if (known !== undefined) return `-> ${known}`;
    seen.set(value, path);
    return '';
  };
  const visit = (
    path: string,
    { objectId, type, value, unserializableValue, description }: Runtime.RemoteObject,
  ): void => {
    if (type === 'function') return;
    if (objectId === undefined) {
      fields.set(path, String(unserializableValue ?? value ?? description));
      return;
    }
    const functionDeclaration = 'function (path) { return globalThis.graphVisit(path, this); }';
    const { result } = post<Runtime.CallFunctionOnReturnType>('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration,
      arguments: [{ value: path }],
      returnByValue: true,
    });
    if (result.value !== '') {
      fields.set(path, result.value);
      return;
    }
    const found = post<Properties>('Runtime.getProperties', { objectId, ownProperties: true });
    for (const each of [...found.result, ...(found.privateProperties ?? [])]) {
      if (each.value !== undefined && each.name !== '__proto__') visit(`${path}.${each.name}`, each.value);
    }
    for (const each of found.internalProperties ?? []) {
      if (each.name === '[[Entries]]' && each.value !== undefined) visit(`${path}[]`, each.value);
    }
  };
  try {
    visit('', post<Runtime.EvaluateReturnType>('Runtime.evaluate', { expression: 'globalThis.graphRoot' }).result);
  } finally {
    session.disconnect();
    delete scope.graphRoot;
    delete scope.graphVisit;
  }
  return fields;
}

/** The paths at which two graphs differ. */
export function differences(before: Map<string, string>, after: Map<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}
