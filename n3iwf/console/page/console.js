/** The page's life: asks the node for its views, draws them, and does what its buttons say. */
import { act, hasToken, keepToken, Refused, read } from './api.js';
import { byId } from './dom.js';
import { Ladder } from './ladder.js';
import { Plot } from './plots.js';
import { drawAlarms, drawAmfs, drawAudit, drawKeys, drawStatus, drawUe, drawUes } from './sections.js';

const eventsEveryMs = 500;
const viewsEveryMs = 2_000;

const ladder = new Ladder();
const plots = {
  pool: new Plot('Keys at the KME', (value) => String(Math.round(value))),
  rate: new Plot('Keys from the link per second', (value) => value.toFixed(2)),
  qber: new Plot('Error rate of the link (QBER)', (value) => `${(value * 100).toFixed(2)} %`),
  photons: new Plot('Photon detections per second', (value) => String(Math.round(value))),
  availability: new Plot('Availability of the link', (value) => `${(value * 100).toFixed(1)} %`),
  need: new Plot('Keys wanted within the horizon', (value) => String(Math.round(value))),
};
let lastSeq = 0;
/** Resolves when somebody gives another token. */
let tokenGiven = Promise.withResolvers();
/** @type {Promise<unknown>} what every request waits for: nothing, or another token than the one that was refused */
let mayAsk = Promise.resolve();
/** @type {number | undefined} */
let chosenUe;

/** @param {string} text shown at the foot of the page and told to screen readers; empty takes it away */
function notice(text) {
  if (byId('notice').textContent !== text) byId('notice').textContent = text;
}

/**
 * Does it again and again, each time after the last one ended. A node that is away is asked on; one that wants another
 * token is asked once that is there.
 *
 * @param {number} everyMs
 * @param {() => Promise<void>} once
 */
async function repeat(everyMs, once) {
  for (;;) {
    await mayAsk;
    const given = tokenGiven;
    try {
      await once();
      if (byId('notice').dataset.kind === 'away') notice('');
    } catch (error) {
      byId('notice').dataset.kind = 'away';
      const isRefused = error instanceof Refused;
      notice(isRefused ? `The node refuses: ${error.message}` : 'The node does not answer.');
      // A refusal of the token before the present one is of no interest any more.
      if (isRefused && error.status === 401 && given === tokenGiven) {
        mayAsk = given.promise;
        byId('state').textContent = 'waits for its token';
        askForToken();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function followEvents() {
  const events = await read(`/events?since=${lastSeq}`);
  lastSeq = events.at(-1)?.seq ?? lastSeq;
  ladder.add(events);
}

async function followViews() {
  const [status, ues, keys, amfs, alarms] = await Promise.all(
    ['/status', '/ues', '/keys/view', '/amfs', '/alarms'].map((path) => read(path)),
  );
  drawStatus(status);
  drawUes(ues, (id) => void chooseUe(id));
  drawKeys(keys);
  drawAmfs(amfs);
  drawAlarms(alarms);
  ladder.name(new Map(ues.map((/** @type {{ id: number, name: string }} */ ue) => [ue.id, ue.name])));
  const { supply } = keys;
  plots.pool.add(supply?.storedKeys);
  plots.rate.add(supply?.keysPerSecond);
  plots.qber.add(supply?.qber);
  plots.photons.add(supply?.countsPerSecond);
  plots.availability.add(supply?.availability);
  plots.need.add(supply?.needKeys);
  for (const { figure, values } of Object.values(plots))
    if (values.length > 0 && figure.parentNode === null) byId('plots').append(figure);
  if (chosenUe !== undefined) await showUe();
}

async function followAudit() {
  drawAudit(await read('/audit?limit=20'));
}

async function showUe() {
  const ue = await read(`/ues/${encodeURIComponent(`#${chosenUe}`)}`).catch(
    (/** @type {unknown} */ error) => {
      if (error instanceof Refused && error.status === 404) return undefined;
      throw error;
    },
  );
  if (ue === undefined) chosenUe = undefined;
  drawUe(ue, {
    rekey: () => void carryOut(`/ues/${encodeURIComponent(`#${ue.id}`)}/rekey`, {}, 'Rekeys begun.'),
    release: () =>
      void carryOut(
        `/ues/${encodeURIComponent(`#${ue.id}`)}/release`,
        { reason: 'by the console' },
        'Released.',
      ),
  });
}

/** @param {number} id */
async function chooseUe(id) {
  chosenUe = id;
  ladder.isFollowing = false;
  ladder.show(id);
  await showUe();
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {string} done what is said afterwards
 */
async function carryOut(path, body, done) {
  byId('notice').dataset.kind = 'action';
  try {
    if (!hasToken()) return askForToken();
    await act(path, body);
    notice(done);
  } catch (error) {
    notice(`The node refuses: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function askForToken() {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  if (!dialog.open) dialog.showModal();
}

function wire() {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  const value = /** @type {HTMLInputElement} */ (byId('token-value'));
  byId('token').addEventListener('click', askForToken);
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'keep') keepToken(value.value);
    if (dialog.returnValue === 'forget') keepToken('');
    value.value = '';
    if (dialog.returnValue === 'keep') {
      tokenGiven.resolve(undefined);
      tokenGiven = Promise.withResolvers();
    }
  });
  byId('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const now = root.dataset.theme ?? (dark ? 'dark' : 'light');
    root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  });
  byId('quarantine').addEventListener('submit', (event) => {
    event.preventDefault();
    const minutes = Number(/** @type {HTMLInputElement} */ (byId('minutes')).value);
    const reason = /** @type {HTMLInputElement} */ (byId('reason')).value;
    const body = { sinceMs: Date.now() - minutes * 60_000, reason };
    void carryOut('/keys/quarantine', body, 'Quarantined: the SAs that rest on these keys are rekeyed.');
  });
}

wire();
void repeat(eventsEveryMs, followEvents);
void repeat(viewsEveryMs, followViews);
void repeat(5_000, followAudit);
