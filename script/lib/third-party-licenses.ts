import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'rolldown';

/**
 * Writes the licence texts of every npm package that has code in the bundle to a file beside it, as their licences ask.
 * The build fails if a bundled package carries no licence text.
 */
export function thirdPartyLicenses(fileName: string): Plugin {
  return {
    name: 'third-party-licenses',
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue;
        for (const [id, { renderedLength }] of Object.entries(output.modules)) {
          if (renderedLength > 0 && id.includes('node_modules')) folders.add(packageFolder(id));
        }
      }
      const sections = [...folders].map(licenseSection).toSorted();
      this.emitFile({ type: 'asset', fileName, source: [INTRODUCTION, ...new Set(sections)].join(RULE) });
    },
  };
}

const INTRODUCTION = 'imc.js contains code from these packages, each under its own licence.\n';
const RULE = `\n${'-'.repeat(80)}\n\n`;

/** The folder of the package a module belongs to: the nearest one above it whose package.json has a name and version. */
function packageFolder(moduleId: string): string {
  const path = moduleId.replace(/^\0/, '').replace(/\?.*$/, '');
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      const { name, version } = manifestOf(folder);
      if (name !== undefined && version !== undefined) return folder;
    }
  }
  throw new Error(`${moduleId}: no package.json above it`);
}

function licenseSection(folder: string): string {
  const { name, version, license } = manifestOf(folder);
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|(copyright)?notice)/i.test(file))
    .toSorted()
    .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  if (texts.length === 0) texts.push(unshippedLicense(folder));
  return [`${name} ${version} (${license})`, ...texts].join('\n\n').concat('\n');
}

/** For a package that names its licence without shipping the text: only known for MIT, whose text has one variable. */
function unshippedLicense(folder: string): string {
  const { name, version, license, author } = manifestOf(folder);
  const holder = typeof author === 'object' ? author.name : author;
  if (license !== 'MIT' || holder === undefined) throw new Error(`${name} ${version}: no licence text in the package`);
  return `Copyright (c) ${holder}\n\n${MIT}`;
}

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

type Manifest = { name?: string; version?: string; license?: string; author?: string | { name?: string } };

function manifestOf(folder: string): Manifest {
  // npm wrote these fields as the registry normalises them: texts, a person, or missing.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
