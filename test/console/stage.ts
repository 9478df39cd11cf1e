/** A lab with its console, and Debian's Chromium that looks at it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { type Browser, chromium, type Page } from 'playwright-core';
import { LabNetwork } from '../../n3iwf/cli/lab-network.ts';
import type { LabOptions } from '../../n3iwf/cli/lab-options.ts';
import type { LabUeRunner } from '../../n3iwf/cli/lab-ue.ts';
import type { Log } from '../../n3iwf/log.ts';

const options: LabOptions = {
  ues: 3,
  sessions: 1,
  flows: 1,
  childSas: 'gbr',
  sessionTypes: ['ipv4'],
  auth: 'qkd',
  ppk: 'rfc9867',
  policy: 'qkd-preferred',
  console: 0,
};

/** Widths at which the page is looked at, in pixels. */
export const widths = { phone: 375, desk: 1280 } as const;

/** Opened once for the suite. */
export class ConsoleStage {
  /** What the page said to its own console, and what it could not load. */
  readonly complaints: string[] = [];
  readonly network: LabNetwork;
  readonly page: Page;
  private readonly browser: Browser;
  private readonly runners: LabUeRunner[] = [];

  private constructor(network: LabNetwork, browser: Browser, page: Page) {
    this.network = network;
    this.browser = browser;
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('requestfailed', (request) => {
      // What was under way when the page was loaded anew is no fault.
      const { errorText } = request.failure() ?? {};
      if (errorText !== 'net::ERR_ABORTED') this.complaints.push(`not loaded: ${request.url()}`);
    });
  }

  /** Starts the lab and opens the page with the token in its session. */
  static async open(): Promise<ConsoleStage> {
    const log = pino({ level: 'silent' }) as unknown as Log;
    const network = await LabNetwork.start(options, log, () => {});
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    const page = await browser.newPage({ viewport: { width: widths.desk, height: 900 } });
    return new ConsoleStage(network, browser, page);
  }

  /** Where the console is, and its token. */
  get console() {
    const { console } = this.network;
    if (console === undefined) throw new Error('the lab has no console');
    return console;
  }

  /** Loads the page and gives it the token as a user does. */
  async enter(): Promise<void> {
    await this.page.goto(this.console.url);
    await this.page.getByRole('dialog').waitFor({ timeout: 20_000 });
    await this.giveToken(this.console.token);
  }

  /** Types a token into the page's dialog, which is open where the node has refused one. */
  async giveToken(token: string): Promise<void> {
    if (!(await this.page.getByRole('dialog').isVisible()))
      await this.page.getByRole('button', { name: 'Token' }).click();
    await this.page.getByLabel('Token', { exact: true }).fill(token);
    await this.page.getByRole('button', { name: 'Keep' }).click();
  }

  /** One more UE attaches, with its session. */
  async attach(index: number): Promise<LabUeRunner> {
    const runner = await this.network.openUe(index);
    this.runners.push(runner);
    await runner.attach(() => {}, { sessions: ['ipv4'], pingSizes: [64], echoes: false });
    return runner;
  }

  /** Sets a fault of the quantum link, or clears it. */
  async fault(method: 'POST' | 'DELETE', body?: unknown): Promise<void> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const answer = await fetch(`${this.network.faultPlace}/links/all/fault`, init);
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** A picture for whoever reads CI's artefacts, where CONSOLE_SCREENSHOTS names a folder. */
  async picture(name: string): Promise<void> {
    const folder = process.env.CONSOLE_SCREENSHOTS;
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  async close(): Promise<void> {
    await this.browser.close();
    for (const runner of this.runners) runner.abandon();
    await this.network.close();
  }
}
