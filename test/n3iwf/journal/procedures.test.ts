import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { histogramSamples } from '../../../n3iwf/admin/exposition.ts';
import { durationBounds, Histogram } from '../../../n3iwf/journal/histogram.ts';
import { Procedures } from '../../../n3iwf/journal/procedures.ts';

const told = (procedures: Procedures) =>
  Object.fromEntries(
    [...procedures.series()].map(({ protocol, procedure, result, times }) => [
      `${protocol} ${procedure} ${result}`,
      [times.count, Number(times.sum.toFixed(3))],
    ]),
  );

describe('procedures of the AMF', () => {
  it('[TS38413 8.1] take from their request to their answer, each for its UE', () => {
    const procedures = new Procedures();
    procedures.ngap('PDUSessionResourceSetupRequest', {}, 'AMF', 1, 0);
    procedures.ngap('PDUSessionResourceSetupRequest', {}, 'AMF', 2, 100);
    procedures.ngap(
      'PDUSessionResourceSetupResponse',
      { pduSessionResourceSetupListSURes: [] },
      'N3IWF',
      1,
      500,
    );
    procedures.ngap(
      'PDUSessionResourceSetupResponse',
      { pduSessionResourceFailedToSetupListSURes: [] },
      'N3IWF',
      2,
      600,
    );
    expect(told(procedures)).toEqual({
      'ngap PDUSessionResourceSetup success': [1, 0.5],
      'ngap PDUSessionResourceSetup failure': [1, 0.5],
    });
  });

  it.each([
    ['InitialContextSetupRequest', 'InitialContextSetupFailure', {}, 'InitialContextSetup failure'],
    [
      'UEContextModificationRequest',
      'UEContextModificationResponse',
      undefined,
      'UEContextModification success',
    ],
    [
      'PDUSessionResourceModifyRequest',
      'PDUSessionResourceModifyResponse',
      { pduSessionResourceModifyListModRes: [], pduSessionResourceFailedToModifyListModRes: [] },
      'PDUSessionResourceModify partial',
    ],
    ['UEContextReleaseCommand', 'UEContextReleaseComplete', {}, 'UEContextRelease success'],
  ])('%s and %s', (request, answer, ies, wanted) => {
    const procedures = new Procedures();
    procedures.ngap(request, {}, 'AMF', 1, 0);
    procedures.ngap(answer, ies, 'N3IWF', 1, 250);
    expect(told(procedures)[`ngap ${wanted}`]).toEqual([1, 0.25]);
  });
});

describe('procedures of ours, and messages', () => {
  it('of ours end with the word of the AMF', () => {
    const procedures = new Procedures();
    procedures.ngap('UEContextReleaseRequest', {}, 'N3IWF', 1, 0);
    procedures.ngap('UEContextReleaseCommand', {}, 'AMF', 1, 40);
    expect(told(procedures)).toEqual({ 'ngap UEContextReleaseRequest success': [1, 0.04] });
  });

  it('that never began are not counted, and those of a UE that goes are abandoned', () => {
    const procedures = new Procedures();
    procedures.ngap('InitialContextSetupResponse', {}, 'N3IWF', 1, 5);
    procedures.begin(1, 'eap', 'eap-5g', 0);
    procedures.ngap('UplinkNASTransport', {}, 'N3IWF', 1, 0);
    procedures.ueGone(1, 2000);
    procedures.ueGone(1, 3000);
    expect(told(procedures)).toEqual({ 'eap eap-5g abandoned': [1, 2] });
  });

  it('count NGAP messages by name and direction, whether they name a UE or not', () => {
    const procedures = new Procedures();
    procedures.ngap('Paging', {}, 'AMF', undefined, 0);
    procedures.ngap('Paging', {}, 'AMF', undefined, 0);
    expect(procedures.messages()).toEqual([{ message: 'Paging', direction: 'in', count: 2 }]);
  });

  it('of NAS are who owes the next message', () => {
    const procedures = new Procedures();
    procedures.ngap('InitialUEMessage', {}, 'N3IWF', 1, 0);
    procedures.ngap('DownlinkNASTransport', {}, 'AMF', 1, 30);
    procedures.ngap('UplinkNASTransport', {}, 'N3IWF', 1, 130);
    expect(told(procedures)).toEqual({
      'nas amf-answer success': [1, 0.03],
      'nas ue-answer success': [1, 0.1],
    });
  });
});

describe('histograms', () => {
  it('have every duration in one bucket, and their samples add up', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 100, noNaN: true })), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const samples = histogramSamples({ a: 'b' }, durationBounds, histogram);
        for (const [at, bound] of durationBounds.entries())
          expect(samples[at]).toMatchObject({
            suffix: '_bucket',
            labels: { le: String(bound) },
            value: values.filter((value) => value <= bound).length,
          });
        expect(samples.at(-3)).toMatchObject({ labels: { le: '+Inf' }, value: values.length });
        expect(samples.at(-1)).toMatchObject({ suffix: '_count', value: values.length });
        const sum = values.reduce((all, value) => all + Math.max(0, value), 0);
        expect(samples.at(-2)?.value).toBeCloseTo(sum, 6);
      }),
    );
  });
});
