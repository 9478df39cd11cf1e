/** Between suites and SA payloads: what we offer, what we choose, and whether an answer fits. [RFC7296 2.7] */

import { ESN, KE, PROTOCOL, TRANSFORM } from '../wire/registry.ts';
import type { Proposal, Transform } from '../wire/types.ts';
import {
  ADDITIONAL_KE,
  ENCR_ALGORITHMS,
  INTEG_ALGORITHMS,
  isAead,
  KE_ALGORITHMS,
  PRF_ALGORITHMS,
} from './suites.ts';
import type {
  AdditionalChoices,
  AdditionalKe,
  AdditionalKeName,
  ChildProposalConfig,
  EncrName,
  EspSuite,
  IkeProposalConfig,
  IkeSuite,
  IntegName,
  KeName,
  PrfName,
} from './types.ts';

/** A choice: `proposal` has one transform of each type, and the number and SPI of the offer it answers. */
export interface Chosen<S> {
  readonly proposal: Proposal;
  readonly suite: S;
}

/** Proposals 1, 2, ... for IKE; `spi` empty in IKE_SA_INIT, 8 octets when an IKE SA is rekeyed. */
export function offerIke(configs: readonly IkeProposalConfig[], spi: Uint8Array): Proposal[] {
  return configs.map((config, i) => {
    return { number: i + 1, protocol: PROTOCOL.IKE, spi, transforms: ikeTransforms(config) };
  });
}

/** Proposals for a Child SA. `withKe` false leaves key exchange out, as IKE_AUTH demands. [RFC7296 1.2] */
export function offerEsp(
  configs: readonly ChildProposalConfig[],
  spi: Uint8Array,
  withKe: boolean,
): Proposal[] {
  return configs.map((config, i) => {
    const transforms = espTransforms(config, withKe);
    return { number: i + 1, protocol: PROTOCOL.ESP, spi, transforms };
  });
}

/** The first of our proposals that one of the offered ones meets, in our order of preference. */
export function chooseIke(
  configs: readonly IkeProposalConfig[],
  offered: readonly Proposal[],
): Chosen<IkeSuite> | undefined {
  for (const config of configs) {
    for (const proposal of offered.filter(({ protocol }) => protocol === PROTOCOL.IKE)) {
      const transforms = intersect(ikeTransforms(config), proposal.transforms);
      if (transforms === undefined) continue;
      return { proposal: { ...proposal, transforms }, suite: ikeSuiteOf(transforms) };
    }
  }
  return undefined;
}

/** The same for ESP; `withKe` false ignores key exchange transforms on both sides. [RFC7296 1.2] */
export function chooseEsp(
  configs: readonly ChildProposalConfig[],
  offered: readonly Proposal[],
  withKe: boolean,
): Chosen<EspSuite> | undefined {
  for (const config of configs) {
    for (const proposal of offered.filter(isReceivable)) {
      const peers = withKe
        ? proposal.transforms
        : proposal.transforms.filter(({ type }) => type !== TRANSFORM.KE && !isAdditional(type));
      const transforms = intersect(espTransforms(config, withKe), peers);
      if (transforms === undefined) continue;
      return { proposal: { ...proposal, transforms }, suite: espSuiteOf(transforms) };
    }
  }
  return undefined;
}

/**
 * SPI 0 is never sent, and in UDP would be read as IKE. Those up to 255 are reserved, too, but free5GC's UE has 2 by its
 * sample configuration. [RFC4303 2.1]
 */
function isReceivable({ protocol, spi }: Proposal): boolean {
  return protocol === PROTOCOL.ESP && spi.length === 4 && spi.some((octet) => octet !== 0);
}

/** The suite of an answer to {@link offerIke}; undefined if it is not one of our proposals with single choices. */
export function acceptIke(
  configs: readonly IkeProposalConfig[],
  answer: readonly Proposal[],
): IkeSuite | undefined {
  const [proposal, ...more] = answer;
  const config = configs[(proposal?.number ?? 0) - 1];
  if (proposal?.protocol !== PROTOCOL.IKE || config === undefined || more.length > 0) return undefined;
  const transforms = answered(ikeTransforms(config), proposal.transforms);
  return transforms === undefined ? undefined : ikeSuiteOf(transforms);
}

/** The suite of an answer to {@link offerEsp}. */
export function acceptEsp(
  configs: readonly ChildProposalConfig[],
  answer: readonly Proposal[],
  withKe: boolean,
): EspSuite | undefined {
  const [proposal, ...more] = answer;
  const config = configs[(proposal?.number ?? 0) - 1];
  if (proposal?.protocol !== PROTOCOL.ESP || config === undefined || more.length > 0) return undefined;
  const transforms = answered(espTransforms(config, withKe), proposal.transforms);
  return transforms === undefined ? undefined : espSuiteOf(transforms);
}

function ikeTransforms(config: IkeProposalConfig): Transform[] {
  return [
    ...encrTransforms(config.encr),
    ...config.prf.map((name) => ({ type: TRANSFORM.PRF, id: PRF_ALGORITHMS[name].id })),
    ...integTransforms(config.integ),
    ...keTransforms(config.ke),
    ...additionalTransforms(config.additional),
  ];
}

function espTransforms(config: ChildProposalConfig, withKe: boolean): Transform[] {
  return [
    ...encrTransforms(config.encr),
    ...integTransforms(config.integ),
    ...(withKe ? [...keTransforms(config.ke), ...additionalTransforms(config.additional)] : []),
    ...config.esn.map((esn) => ({ type: TRANSFORM.ESN, id: esn ? ESN.YES : ESN.NO })),
  ];
}

/** Whether a QKD key may be called for. */
export function offersQkd(configs: readonly (IkeProposalConfig | ChildProposalConfig)[]): boolean {
  return configs.some(({ ke, additional = [] }) => [ke, ...additional].flat().includes('qkd'));
}

/** What can be offered without a QKD key: the method goes, and with it each proposal that insists on it. */
export function withoutQkd<C extends IkeProposalConfig | ChildProposalConfig>(
  configs: readonly C[],
): readonly C[] {
  const rest = (choices: readonly string[]) => choices.filter((name) => name !== 'qkd');
  return configs.flatMap((config) => {
    const slots = [config.ke, ...(config.additional ?? [])];
    if (slots.some((choices) => choices.length > 0 && rest(choices).length === 0)) return [];
    const [ke, ...additional] = slots.map(rest);
    return [{ ...config, ke, ...(config.additional === undefined ? {} : { additional }) }];
  });
}

/** The same proposals with one key exchange each, for peers that can do no more. */
function withoutAdditional<C extends IkeProposalConfig | ChildProposalConfig>(
  configs: readonly C[],
): readonly C[] {
  return configs.map((config) => (config.additional === undefined ? config : { ...config, additional: [] }));
}

/** What of our ESP proposals has the algorithms of `suite`, with no other choice of them. */
export function likeSuite(
  configs: readonly ChildProposalConfig[],
  { encr, integ, esn }: EspSuite,
): readonly ChildProposalConfig[] {
  return configs
    .filter((config) => config.encr.includes(encr) && (config.integ.includes(integ) || integ === 'none'))
    .map((config) => ({
      ...config,
      encr: [encr],
      integ: config.integ.filter((name) => name === integ),
      esn: [esn],
    }))
    .slice(0, 1);
}

/** For a peer that can do one key exchange only: what does not insist on more, without the others. [RFC9370 2.2.1] */
export function withOptionalAdditional<C extends IkeProposalConfig>(configs: readonly C[]): readonly C[] {
  const optional = configs.filter(({ additional = [] }) =>
    additional.every((choices) => choices.length === 0 || choices.includes('none')),
  );
  return withoutAdditional(optional);
}

/** Key Length stands only with ciphers whose key varies. [RFC7296 3.3.5] */
function encrTransforms(names: readonly EncrName[]): Transform[] {
  return names.map((name) => {
    const { id, keyLength, variableKey } = ENCR_ALGORITHMS[name];
    const transform = { type: TRANSFORM.ENCR, id };
    return variableKey ? { ...transform, keyLength: keyLength * 8 } : transform;
  });
}

/** NONE is said by leaving the type out. [RFC7296 3.3.3] */
function integTransforms(names: readonly IntegName[]): Transform[] {
  return names
    .filter((name) => name !== 'none')
    .map((name) => ({ type: TRANSFORM.INTEG, id: INTEG_ALGORITHMS[name].id }));
}

function keTransforms(names: readonly AdditionalKeName[]): Transform[] {
  return names.map((name) => ({ type: TRANSFORM.KE, id: ADDITIONAL_KE[name].id }));
}

/** ADDKE1 for the first slot and so on. NONE is said aloud there: it makes the slot optional. [RFC9370 2.2.1] */
function additionalTransforms(slots: AdditionalChoices = []): Transform[] {
  return slots.flatMap((choices, slot) =>
    choices.map((name) => ({
      type: TRANSFORM.ADDKE1 + slot,
      id: name === 'none' ? KE.NONE : ADDITIONAL_KE[name].id,
    })),
  );
}

function isAdditional(type: number): boolean {
  return type >= TRANSFORM.ADDKE1 && type <= TRANSFORM.ADDKE7;
}

/** All types whose transforms name key exchange methods. */
function exchangesKeys(type: number): boolean {
  return type === TRANSFORM.KE || isAdditional(type);
}

/**
 * One transform of each type, ours first; undefined if a type of either side finds none. A peer's NONE (id 0 of
 * INTEG or of a key exchange) stands for leaving the type out, and so does ours. No key exchange method is taken
 * twice. [RFC9370 2.2.1]
 */
function intersect(ours: readonly Transform[], theirs: readonly Transform[]): Transform[] | undefined {
  const chosen: Transform[] = [];
  const isFresh = ({ type, id }: Transform) =>
    !exchangesKeys(type) ||
    id === KE.NONE ||
    !chosen.some((each) => exchangesKeys(each.type) && each.id === id);
  for (const type of new Set([...ours, ...theirs].map((transform) => transform.type))) {
    const choice = ours.find(
      (own) => own.type === type && isFresh(own) && theirs.some((peer) => sameTransform(own, peer)),
    );
    if (choice === undefined && !(mayLack(ours, type) && mayLack(theirs, type))) return undefined;
    if (choice !== undefined) chosen.push(choice);
  }
  return chosen;
}

/** A side that names no transform of the type, or NONE among them. */
function mayLack(transforms: readonly Transform[], type: number): boolean {
  const own = transforms.filter((transform) => transform.type === type);
  return own.length === 0 || own.some((transform) => isNone(transform, type));
}

/** An answer holds exactly one transform of each type that we offered. */
function answered(ours: readonly Transform[], answer: readonly Transform[]): Transform[] | undefined {
  const present = answer.filter((transform) => !isNone(transform, transform.type));
  const types = new Set(present.map(({ type }) => type));
  return types.size === present.length ? intersect(ours, present) : undefined;
}

function sameTransform(a: Transform, b: Transform): boolean {
  const understood = a.unknownAttributes === undefined && b.unknownAttributes === undefined;
  return understood && a.type === b.type && a.id === b.id && a.keyLength === b.keyLength;
}

function isNone(transform: Transform, type: number): boolean {
  const optional = type === TRANSFORM.INTEG || exchangesKeys(type);
  return optional && transform.type === type && transform.id === 0;
}

function ikeSuiteOf(transforms: readonly Transform[]): IkeSuite {
  const { encr, integ } = cipherOf(transforms);
  const prf = nameOfId(PRF_ALGORITHMS, transforms, TRANSFORM.PRF) as PrfName;
  const ke = nameOfId(KE_ALGORITHMS, transforms, TRANSFORM.KE) as KeName;
  return { encr, integ, prf, ke, ...additionalOf(transforms) };
}

function espSuiteOf(transforms: readonly Transform[]): EspSuite {
  const esn = transforms.some(({ type, id }) => type === TRANSFORM.ESN && id === ESN.YES);
  const ke = nameOfId(ADDITIONAL_KE, transforms, TRANSFORM.KE);
  return { ...cipherOf(transforms), esn, ...(ke === undefined ? {} : { ke }), ...additionalOf(transforms) };
}

/** The agreed slots in order; empty where there is none, so that suites of one exchange keep their form. */
function additionalOf(transforms: readonly Transform[]): { additional?: readonly AdditionalKe[] } {
  const additional = transforms
    .filter(({ type, id }) => isAdditional(type) && id !== KE.NONE)
    .map(({ type }) => ({ slot: type, ke: nameOfId(ADDITIONAL_KE, transforms, type) as AdditionalKeName }))
    .sort((a, b) => a.slot - b.slot);
  return additional.length === 0 ? {} : { additional };
}

function cipherOf(transforms: readonly Transform[]): { encr: EncrName; integ: IntegName } {
  const encr = (Object.keys(ENCR_ALGORITHMS) as EncrName[]).find((name) => {
    const [own] = encrTransforms([name]);
    return own !== undefined && transforms.some((transform) => sameTransform(own, transform));
  }) as EncrName;
  const integ = nameOfId(INTEG_ALGORITHMS, transforms, TRANSFORM.INTEG);
  return { encr, integ: isAead(encr) || integ === undefined ? 'none' : integ };
}

/** The row's name for the transform of `type`; the transforms come from our own tables, so it is there if they are. */
function nameOfId<N extends string>(
  table: Readonly<Record<N, { readonly id: number }>>,
  transforms: readonly Transform[],
  type: number,
): N | undefined {
  const id = transforms.find((transform) => transform.type === type)?.id;
  return (Object.keys(table) as N[]).find((name) => table[name].id === id);
}
