/**
 * The rooms of src/: for each folder, the other rooms it may import and the npm packages that are its own. Adding a door
 * is a design decision: change this table in the same commit and say why.
 *
 * `check.mjs` beside this file holds the code to it. A type-only import is an import. A package that no room lists may
 * be imported by nobody, and src/main.ts stands before the house: it may knock at `cli` and nowhere else.
 *
 * @type {Record<string, { rooms: string[], packages: string[], node?: false }>}
 */
export const rooms = {
  core: { rooms: [], packages: [], node: false }, // pure: not even node: modules
  telemetry: { rooms: [], packages: ['pino', '@prometheus-io/client'] },
  config: { rooms: ['core'], packages: ['zod', 'yaml'] },
  wire: { rooms: ['core'], packages: ['zod', 'yaml', 'jsonc-parser'] },
  lint: { rooms: ['core', 'wire'], packages: [] },
  cluster: { rooms: ['core', 'telemetry'], packages: [] },
  embedded: { rooms: ['core', 'wire', 'cluster', 'controller', 'telemetry'], packages: [] },
  kubernetes: {
    rooms: ['core', 'wire', 'cluster', 'certs', 'controller', 'doctor', 'telemetry'],
    packages: ['@kubernetes/client-node', 'undici'],
  },
  certs: { rooms: ['telemetry'], packages: ['@peculiar/x509', 'reflect-metadata'] },
  // Of wire, the objects it reads and writes; their bytes are for embedded and kubernetes.
  controller: { rooms: ['core', 'wire', 'telemetry'], packages: [] },
  // Of config, the settings file of an installation; of certs, whether clients will trust what is served.
  doctor: { rooms: ['core', 'wire', 'config', 'certs'], packages: [] },
  admission: { rooms: ['core', 'wire', 'cluster', 'telemetry'], packages: ['fast-json-patch'] },
  testing: { rooms: ['core', 'wire', 'config', 'admission'], packages: ['zod', 'yaml'] },
  server: {
    rooms: ['admission', 'core', 'wire', 'cluster', 'certs', 'telemetry'],
    packages: ['fastify'],
  },
  cli: {
    rooms: ['composition', 'config', 'core', 'admission', 'doctor', 'lint', 'wire', 'telemetry', 'testing'],
    packages: ['commander', 'undici'],
  },
  composition: {
    rooms: [
      'admission',
      'certs',
      'cluster',
      'config',
      'controller',
      'core',
      'doctor',
      'embedded',
      'kubernetes',
      'server',
      'telemetry',
      'wire',
    ],
    packages: ['tsyringe', 'reflect-metadata'],
  },
};

/** What src/main.ts, the only file outside a room, may import. */
export const main = { rooms: ['cli'], packages: [] };
