/** Loaded when needed only; the library wants reflect-metadata to be there first. */
export async function loadX509() {
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}
