import { describe, expect, it } from 'vitest';
import type { Readings } from '../../src/telemetry/metrics.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';

const RESOURCES = ['imagecaches', 'namespaces'] as const;
const readings: Readings<(typeof RESOURCES)[number]> = {
  snapshotAgeSeconds: (resource) => (resource === 'namespaces' ? undefined : 1.5),
  objects: () => 7,
  profileValid: () => false,
  certificateExpiry: () => new Date('2026-01-02T00:00:00Z'),
};

function aMetrics(): Metrics<
  'CompleteMatch' | 'NoMatch',
  (typeof RESOURCES)[number],
  'cut' | 'silent',
  'created' | 'refused'
> {
  return new Metrics({
    version: '1.2.3',
    outcomes: ['CompleteMatch', 'NoMatch'],
    resources: RESOURCES,
    restartCauses: ['cut', 'silent'],
    creations: ['created', 'refused'],
  });
}

/** The samples of our own metrics, without the buckets. */
async function samples(metrics: ReturnType<typeof aMetrics>): Promise<readonly string[]> {
  const text = await metrics.text();
  return text.split('\n').filter((line) => line.startsWith('imc_') && !line.includes('_bucket'));
}

describe('metrics (spec S8)', () => {
  it('begins every counter at zero, so that the first event shows as an increase', async () => {
    expect(await samples(aMetrics())).toEqual([
      'imc_reviews_total{outcome="CompleteMatch"} 0',
      'imc_reviews_total{outcome="NoMatch"} 0',
      'imc_review_duration_seconds_sum 0',
      'imc_review_duration_seconds_count 0',
      'imc_undecodable_total{resource="imagecaches"} 0',
      'imc_undecodable_total{resource="namespaces"} 0',
      'imc_watch_restarts_total{resource="imagecaches",cause="cut"} 0',
      'imc_watch_restarts_total{resource="imagecaches",cause="silent"} 0',
      'imc_watch_restarts_total{resource="namespaces",cause="cut"} 0',
      'imc_watch_restarts_total{resource="namespaces",cause="silent"} 0',
      'imc_autocreate_total{result="created"} 0',
      'imc_autocreate_total{result="refused"} 0',
      `imc_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]);
  });

  it('counts reviews by outcome and puts their durations into buckets', async () => {
    const metrics = aMetrics();
    metrics.observeReview('NoMatch', 0.0002);
    metrics.observeReview('NoMatch', 3);
    const text = await metrics.text();
    expect(text).toContain('imc_reviews_total{outcome="NoMatch"} 2\n');
    expect(text).toContain('imc_review_duration_seconds_bucket{le="0.0001"} 0\n');
    expect(text).toContain('imc_review_duration_seconds_bucket{le="0.00025"} 1\n');
    expect(text).toContain('imc_review_duration_seconds_bucket{le="5"} 2\n');
    expect(text).toContain('imc_review_duration_seconds_count 2\n');
  });

  it('counts what could not be read', async () => {
    const metrics = aMetrics();
    metrics.countUndecodable('namespaces');
    expect(await samples(metrics)).toContain('imc_undecodable_total{resource="namespaces"} 1');
  });

  it('counts watches that began again', async () => {
    const metrics = aMetrics();
    metrics.countWatchRestart('namespaces', 'silent');
    expect(await samples(metrics)).toContain('imc_watch_restarts_total{resource="namespaces",cause="silent"} 1');
  });

  it('counts what came of new ImageCaches', async () => {
    const metrics = aMetrics();
    metrics.countCreation('refused');
    expect(await samples(metrics)).toContain('imc_autocreate_total{result="refused"} 1');
  });

  it('reads gauges at the moment of a scrape, and leaves out what is not known', async () => {
    const metrics = aMetrics();
    metrics.read(readings);
    const lines = await samples(metrics);
    expect(lines).toContain('imc_snapshot_age_seconds{resource="imagecaches"} 1.5');
    expect(lines.join()).not.toContain('imc_snapshot_age_seconds{resource="namespaces"}');
    expect(lines).toContain('imc_objects{resource="namespaces"} 7');
    expect(lines).toContain('imc_profile_valid 0');
    expect(lines).toContain('imc_certificate_expiry_timestamp_seconds 1767312000');
  });

  it('lets a gauge come and go with what it shows', async () => {
    const metrics = aMetrics();
    let expiry: Date | undefined;
    metrics.read({ ...readings, profileValid: () => undefined, certificateExpiry: () => expiry });
    const none = (await samples(metrics)).join('\n');
    expect(none).not.toContain('imc_profile_valid');
    expect(none).not.toContain('imc_certificate_expiry_timestamp_seconds');
    expiry = new Date(1000);
    expect(await samples(metrics)).toContain('imc_certificate_expiry_timestamp_seconds 1');
  });

  it('tells about the process, in the text format of Prometheus', async () => {
    const metrics = aMetrics();
    metrics.read(readings);
    expect(await metrics.text()).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  });
});
