/** Finds the small changes of meaning that can be made to a source file, and what a file imports. No I/O. */
import { parseSync } from 'oxc-parser';

/** One change of a file: the text from `start` to `end` becomes `text`. */
export interface Mutant {
  /** The path below the root. */
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** What stands there, in one line; for a part of an expression, the whole of it. */
  readonly before: string;
  readonly after: string;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Each operator becomes these, one after the other. */
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&&': ['||'],
  '||': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '++': ['--'],
  '--': ['++'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '??=': ['='],
  '||=': ['='],
  '&&=': ['='],
};
const METHODS: Readonly<Record<string, string>> = { min: 'max', max: 'min', some: 'every', every: 'some' };
const MAX_SHOWN = 120;

/** @returns the mutants in the order of the file */
export function findMutants(file: string, source: string): Mutant[] {
  const found: Mutant[] = [];
  const lineAt = (at: number) => source.slice(0, at).split('\n').length;
  /** @param whole what shows the change */
  const replace = (whole: Node, start: number, end: number, text: string) => {
    const after = source.slice(whole.start, start) + text + source.slice(end, whole.end);
    const before = source.slice(whole.start, whole.end);
    found.push({ file, line: lineAt(start), start, end, before: inOneLine(before), after: inOneLine(after), text });
  };

  const visit = (node: Node) => {
    const mutate = MUTATIONS[node.type];
    mutate?.(node, source, replace);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(parse(file, source).program as unknown as Node);
  return found.toSorted((a, b) => a.start - b.start);
}

/** @returns the specifiers of what is imported at run time */
export function findImports(file: string, source: string): string[] {
  const { staticImports, staticExports } = parse(file, source).module;
  const imported = staticImports.filter(({ entries }) => entries.length === 0 || entries.some((one) => !one.isType));
  const exported = staticExports.flatMap(({ entries }) => entries.filter((one) => !one.isType));
  return [
    ...imported.map(({ moduleRequest }) => moduleRequest.value),
    ...exported.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
  ];
}

function parse(file: string, source: string) {
  const parsed = parseSync(file, source);
  if (parsed.errors.length > 0) throw new Error(`${file} cannot be parsed: ${parsed.errors[0]?.message}`);
  return parsed;
}

type Replace = (whole: Node, start: number, end: number, text: string) => void;
const MUTATIONS: Readonly<Record<string, (node: Node, source: string, replace: Replace) => void>> = {
  BinaryExpression: swapOperator,
  LogicalExpression(node, source, replace) {
    // `a ?? b` becomes `a`.
    if (node['operator'] === '??') replace(node, (node['left'] as Node).end, node.end, '');
    else swapOperator(node, source, replace);
  },
  AssignmentExpression: swapOperator,
  UpdateExpression(node, source, replace) {
    const operator = node['operator'] as string;
    const start = node['prefix'] ? node.start : (node['argument'] as Node).end;
    const at = source.indexOf(operator, start);
    for (const other of OPERATORS[operator] ?? []) replace(node, at, at + operator.length, other);
  },
  UnaryExpression(node, _, replace) {
    if (node['operator'] === '!' || node['operator'] === '-') replace(node, node.start, node.start + 1, '');
  },
  IfStatement(node, source, replace) {
    negate(node['test'] as Node, source, replace);
  },
  ConditionalExpression(node, source, replace) {
    negate(node['test'] as Node, source, replace);
  },
  ExpressionStatement(node, _, replace) {
    const inner = node['expression'] as Node;
    if (!('directive' in node && node['directive']) && inner.type !== 'Literal')
      replace(node, node.start, node.end, ';');
  },
  ThrowStatement(node, _, replace) {
    replace(node, node.start, node.end, ';');
  },
  BreakStatement(node, _, replace) {
    replace(node, node.start, node.end, ';');
  },
  ContinueStatement(node, _, replace) {
    replace(node, node.start, node.end, ';');
  },
  Literal(node, _, replace) {
    if (typeof node['value'] === 'boolean') replace(node, node.start, node.end, String(!node['value']));
  },
  MemberExpression(node, source, replace) {
    const property = node['property'] as Node;
    const name = source.slice(property.start, property.end);
    const other = node['computed'] ? undefined : METHODS[name];
    if (other) replace(node, property.start, property.end, other);
    if (node['optional']) dropQuestion(node, (node['object'] as Node).end, source, replace);
  },
  CallExpression(node, source, replace) {
    if (node['optional']) dropQuestion(node, (node['callee'] as Node).end, source, replace);
  },
};

function swapOperator(node: Node, source: string, replace: Replace): void {
  const operator = node['operator'] as string;
  const [left, right] = [node['left'] as Node, node['right'] as Node];
  // Texts are joined, not subtracted.
  if (operator.startsWith('+') && [left, right].some(isText)) return;
  const between = source.slice(left.end, right.start);
  const at = left.end + between.indexOf(operator);
  for (const other of OPERATORS[operator] ?? []) replace(node, at, at + operator.length, other);
}

/** A condition with an operator of its own is changed there. */
function negate(test: Node, source: string, replace: Replace): void {
  const isChangedThere =
    (test.type === 'UnaryExpression' && test['operator'] === '!') ||
    (test.type === 'BinaryExpression' && ['===', '!==', '<', '<=', '>', '>='].includes(String(test['operator'])));
  if (!isChangedThere) replace(test, test.start, test.end, `!(${source.slice(test.start, test.end)})`);
}

/** `a?.b` becomes `a.b`, and `a?.(b)` becomes `a(b)`. */
function dropQuestion(node: Node, after: number, source: string, replace: Replace): void {
  const at = source.indexOf('?.', after);
  const isDot = /^\?\.[\w#$]/.test(source.slice(at));
  replace(node, at, at + 2, isDot ? '.' : '');
}

const isText = (node: Node): boolean =>
  node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node['value'] === 'string');

/** Without types, which change nothing. */
function childrenOf(node: Node): Node[] {
  const isAssertion = ['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression'].includes(node.type);
  return Object.entries(node)
    .filter(
      ([name]) => !/^(?:type(?:Annotation|Parameters|Arguments)|returnType|superTypeArguments|implements)$/.test(name),
    )
    .filter(([name]) => !isAssertion || name === 'expression')
    .flatMap(([, value]) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter((value): value is Node => typeof value === 'object' && value !== null && 'type' in value)
    .filter(({ type }) => !/^TS(?!AsExpression|NonNullExpression|SatisfiesExpression|ParameterProperty)/.test(type));
}

function inOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}
