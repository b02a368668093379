import type { WriteResult } from './secret-store.ts';

/** The one MutatingWebhookConfiguration that API servers find us by. Implemented where the API server is known. */
export interface WebhookConfigurationWriter {
  /**
   * Answers from the API server's own storage.
   *
   * @returns undefined when there is none of that name.
   */
  read(): Promise<WebhookConfiguration | undefined>;
  /**
   * Writes the same bundle to `clientConfig.caBundle` of every webhook in it, and touches nothing else. A conflict when
   * the configuration has changed since it was read, or is gone.
   */
  writeBundle(configuration: WebhookConfiguration, bundlePem: string): Promise<WriteResult>;
}

export interface WebhookConfiguration {
  readonly resourceVersion: string;
  readonly webhooks: readonly WebhookClient[];
}

/** How API servers reach one webhook. */
export interface WebhookClient {
  readonly name: string;
  /** Host names and addresses the certificate has to be for. */
  readonly hosts: readonly string[];
  /** PEM, not base64; empty if there is none. */
  readonly bundlePem: string;
}
