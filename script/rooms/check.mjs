/**
 * Checks the imports of src/ against the table in rooms.mjs: every door between rooms, every owned package, nothing that
 * cannot be resolved, no cycle between files, and no package that a room owns and never imports. Prints one `file:line: what is wrong (what would be right)` for each
 * finding and exits 1 if there is any.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'rolldown/utils';
import { main, rooms } from './rooms.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const findings = [];
/** Every source file, with the source files it imports: file -> [{ target, line }]. */
const graph = new Map();
/** Every package that a room imports, as `room package`. */
const imported = new Set();

for (const file of globSync('src/**/*.{ts,mts,cts,js,mjs,cjs}', { cwd: root }).map(unixPath).toSorted()) {
  const text = readFileSync(join(root, file), 'utf8');
  const edges = [];
  graph.set(file, edges);
  const place = placeOf(file);
  if (place === undefined) {
    findings.push(`${file}:1: not in a room (rooms: ${Object.keys(rooms).join(', ')}; only src/main.ts is outside)`);
    continue;
  }
  for (const { specifier, offset } of importsOf(file, text)) {
    const line = text.slice(0, offset).split('\n').length;
    const problem = specifier.startsWith('.')
      ? judgeFile(place, file, specifier, line, edges)
      : judgePackage(place, specifier);
    if (problem !== undefined) findings.push(`${file}:${line}: ${problem}`);
  }
}
findings.push(...cycles(), ...idlePackages());

for (const finding of findings) console.log(finding);
console.log(`${graph.size} files in ${Object.keys(rooms).length} rooms, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;

/** The rules a file is under: those of its room, or of main.ts. */
function placeOf(file) {
  if (file === 'src/main.ts') return { name: 'src/main.ts', ...main };
  const room = file.split('/').length > 2 ? file.split('/')[1] : undefined;
  return room !== undefined && Object.hasOwn(rooms, room) ? { name: `room ${room}`, room, ...rooms[room] } : undefined;
}

/** Every module a file names: import and export declarations, import() calls and import('...') types. */
function importsOf(file, text) {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) findings.push(`${file}:1: does not parse: ${errors[0].message}`);
  const imports = [];
  const note = ({ source }) => {
    if (source) imports.push({ specifier: source.value ?? '(computed)', offset: source.start });
  };
  new Visitor({
    ImportDeclaration: note,
    ExportNamedDeclaration: note,
    ExportAllDeclaration: note,
    ImportExpression: note,
    TSImportType: note,
  }).visit(program);
  return imports;
}

function judgeFile(place, file, specifier, line, edges) {
  const target = unixPath(normalize(join(dirname(file), specifier)));
  if (!existsSync(join(root, target))) return `cannot find ${specifier} (name the real file, with its extension)`;
  if (target === 'package.json' && place.node !== false) return undefined; // the version
  const to = placeOf(target);
  if (to?.room === undefined) return `${place.name} may not import ${target} (it is in no room)`;
  edges.push({ target, line });
  if (to.room === place.room || place.rooms.includes(to.room)) return undefined;
  return `${place.name} may not import ${to.name} (allowed: ${place.rooms.join(', ') || 'nothing'})`;
}

function judgePackage(place, specifier) {
  if (isBuiltin(specifier)) {
    if (place.node === false) return `${place.name} may not import ${specifier} (it is pure: no node: modules)`;
    return specifier.startsWith('node:') ? undefined : `write node:${specifier} rather than ${specifier}`;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  imported.add(`${place.room} ${name}`);
  if (!place.packages.includes(name)) {
    return `${place.name} may not import package ${name} (allowed: ${place.packages.join(', ') || 'none'})`;
  }
  return existsSync(join(root, 'node_modules', name))
    ? undefined
    : `cannot find package ${name} (is it in package.json?)`;
}

/** One finding for each import that closes a circle of files. */
function* cycles() {
  const done = new Set();
  const path = [];
  function* visit(file) {
    path.push(file);
    for (const { target, line } of graph.get(file) ?? []) {
      const start = path.indexOf(target);
      if (start >= 0) yield `${file}:${line}: closes a circle: ${[...path.slice(start), target].join(' -> ')}`;
      else if (!done.has(target)) yield* visit(target);
    }
    path.pop();
    done.add(file);
  }
  for (const file of graph.keys()) if (!done.has(file)) yield* visit(file);
}

/** One finding for each package in the table that its room does not import. */
function* idlePackages() {
  for (const [room, { packages }] of Object.entries(rooms)) {
    for (const name of packages.filter((name) => !imported.has(`${room} ${name}`))) {
      yield `script/rooms/rooms.mjs:1: room ${room} never imports package ${name} (take it out of the table)`;
    }
  }
}

function unixPath(path) {
  return path.split(sep).join('/');
}
