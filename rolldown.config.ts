import { chmodSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';
import packageJson from './package.json' with { type: 'json' };
import { thirdPartyLicenses } from './script/lib/third-party-licenses.ts';

/** One file that runs by itself: everything it imports is inside, package.json and dynamic imports too. */
export default defineConfig({
  input: { imc: 'src/main.ts' },
  platform: 'node',
  resolve: {
    alias: {
      // Its main file is UMD, whose inner requires no bundler can see.
      'jsonc-parser': 'jsonc-parser/lib/esm/main.js',
      undici$: join(import.meta.dirname, 'script/lib/undici-for-requests.cjs'),
    },
  },
  // client-node has an effect on nothing but itself; unless told so, its half a thousand models would come along.
  treeshake: { moduleSideEffects: [{ test: /@kubernetes\/client-node\//, sideEffects: false }] },
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'esm',
    entryFileNames: '[name].js',
    banner: `#!/usr/bin/env node\n${nodeVersionGuard(packageJson.engines.node)}`,
    codeSplitting: false,
    comments: false,
    minify: false,
  },
  plugins: [program(), ascii(), thirdPartyLicenses('THIRD_PARTY_LICENSES.txt')],
});

/** A source with a single other character takes twice the memory for as long as it runs. */
function ascii(): Plugin {
  return {
    name: 'ascii',
    // In texts and regular expressions, where these characters stand, an escape means the same.
    renderChunk: (code) =>
      code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  };
}

/** Statements before all others: what is imported fails on an old Node.js in words that help nobody. */
function nodeVersionGuard(range: string): string {
  const [, major, minor] = /^>=(\d+)\.(\d+)\.0$/.exec(range) ?? [];
  if (major === undefined || minor === undefined) throw new Error(`package.json: engines.node is not like >=22.19.0`);
  return `{
	const [major, minor] = process.versions.node.split(".").map(Number);
	if (major < ${major} || major === ${major} && minor < ${minor}) {
		process.stderr.write(\`Error: imc needs Node.js ${major}.${minor} or later, and this is \${process.versions.node}; install a newer one\\n\`);
		process.exit(2);
	}
}`;
}

/** Makes the file a program that can be started alone: one first line, the executable bit, and no package left outside. */
function program(): Plugin {
  return {
    name: 'program',
    transform(code, id) {
      return this.getModuleInfo(id)?.isEntry ? code.replace(/^#!/, '//') : null;
    },
    generateBundle(_options, bundle) {
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue;
        const outside = [...output.imports, ...output.dynamicImports].filter((id) => !isBuiltin(id) && !(id in bundle));
        if (outside.length > 0) this.error(`not in the bundle: ${outside.join(', ')} (is it in package.json?)`);
      }
    },
    writeBundle({ dir = '.' }, bundle) {
      for (const output of Object.values(bundle)) {
        if (output.type === 'chunk') chmodSync(join(dir, output.fileName), 0o755);
      }
    },
  };
}
