import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

/** What script/test-e2e has brought; names a program by its path. */
function brought(variable: string): string {
  const value = process.env[variable];
  if (value === undefined || value === '') throw new Error(`${variable} is not set: run script/test-e2e`);
  return value;
}

/** Path of a program of the control plane. */
export function controlPlaneProgram(name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager'): string {
  return join(brought('E2E_CONTROL_PLANE'), name);
}

/** Path of kubectl or helm. */
export function clusterTool(name: 'kubectl' | 'helm'): string {
  return join(brought('E2E_CLUSTER_TOOLS'), name);
}

/** The built program, `dist/imc.js`. */
export function builtProgram(): string {
  return brought('E2E_PROGRAM');
}

/** A new folder, gone after the run unless E2E_KEEP=1. */
export function runFolder(purpose: string): string {
  return mkdtempSync(join(brought('E2E_FOLDER'), `${purpose}-`));
}

/** Minor version of the Kubernetes release under test: 20 for 1.20.2. */
export function kubernetesMinor(): number {
  const said = execFileSync(controlPlaneProgram('kube-apiserver'), ['--version'], { encoding: 'utf8' });
  const minor = /^Kubernetes v1\.(\d+)\./.exec(said)?.[1];
  if (minor === undefined) throw new Error(`kube-apiserver does not tell its version: ${said}`);
  return Number(minor);
}
