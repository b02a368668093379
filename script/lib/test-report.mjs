import { readFileSync } from 'node:fs';

/**
 * What vitest's JSON report says. A file that does not load, a run that ends badly and a run without a report count as
 * one failure each.
 *
 * @param succeeded - whether vitest ended with exit code 0
 */
export function countTests(reportFile, succeeded) {
  let report;
  try {
    report = JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, detail: 'no report: the tests did not run to their end' };
  }
  const failedTests = report.numFailedTests;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = Math.max(failedTests + brokenFiles, succeeded ? 0 : 1);
  const skipped = report.numPendingTests + report.numTodoTests;
  const detail = [`${report.numPassedTests} passed`, `${failedTests} failed`];
  if (brokenFiles > 0) detail.push(`${brokenFiles} files not loaded`);
  if (skipped > 0) detail.push(`${skipped} skipped`);
  return { passed: report.numPassedTests, failed, detail: detail.join(', ') };
}
