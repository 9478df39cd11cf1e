/**
 * Information elements of TS 38.413 9.3 as far as an N3IWF meets them; the clause of each stands in front of what it is. Every
 * value is data that the codec walks, and its TypeScript type follows from it: `ValueOf<typeof guami>`. PER has no
 * lengths by which to step over a component, so what decides nothing here is in the table as well.
 */
import {
  bitString,
  choice,
  choiceExtensions,
  enumerated,
  extendedChoice,
  extensions,
  integer,
  mandatory,
  octetString,
  optional,
  printable,
  sequence,
  sequenceOf,
} from '../aper/build.ts';
import type { Asn, ValueOf } from '../aper/types.ts';

/** The ASN.1 names this component so in each sequence; written short, it is a property of the same name. */
const ieExtensions = extensions;

// Causes [TS38413 9.3.1.2]
const causeRadioNetwork = enumerated(
  [
    'unspecified',
    'txnrelocoverall-expiry',
    'successful-handover',
    'release-due-to-ngran-generated-reason',
    'release-due-to-5gc-generated-reason',
    'handover-cancelled',
    'partial-handover',
    'ho-failure-in-target-5GC-ngran-node-or-target-system',
    'ho-target-not-allowed',
    'tngrelocoverall-expiry',
    'tngrelocprep-expiry',
    'cell-not-available',
    'unknown-targetID',
    'no-radio-resources-available-in-target-cell',
    'unknown-local-UE-NGAP-ID',
    'inconsistent-remote-UE-NGAP-ID',
    'handover-desirable-for-radio-reason',
    'time-critical-handover',
    'resource-optimisation-handover',
    'reduce-load-in-serving-cell',
    'user-inactivity',
    'radio-connection-with-ue-lost',
    'radio-resources-not-available',
    'invalid-qos-combination',
    'failure-in-radio-interface-procedure',
    'interaction-with-other-procedure',
    'unknown-PDU-session-ID',
    'unkown-qos-flow-ID',
    'multiple-PDU-session-ID-instances',
    'multiple-qos-flow-ID-instances',
    'encryption-and-or-integrity-protection-algorithms-not-supported',
    'ng-intra-system-handover-triggered',
    'ng-inter-system-handover-triggered',
    'xn-handover-triggered',
    'not-supported-5QI-value',
    'ue-context-transfer',
    'ims-voice-eps-fallback-or-rat-fallback-triggered',
    'up-integrity-protection-not-possible',
    'up-confidentiality-protection-not-possible',
    'slice-not-supported',
    'ue-in-rrc-inactive-state-not-reachable',
    'redirection',
    'resources-not-available-for-the-slice',
    'ue-max-integrity-protected-data-rate-reason',
    'release-due-to-cn-detected-mobility',
  ],
  [
    'n26-interface-not-available',
    'release-due-to-pre-emption',
    'multiple-location-reporting-reference-ID-instances',
    'rsn-not-available-for-the-up',
    'npn-access-denied',
    'cag-only-access-denied',
    'insufficient-ue-capabilities',
    'redcap-ue-not-supported',
    'unknown-MBS-Session-ID',
    'indicated-MBS-session-area-information-not-served-by-the-gNB',
    'inconsistent-slice-info-for-the-session',
    'misaligned-association-for-multicast-unicast',
  ],
);
const causeTransport = enumerated(['transport-resource-unavailable', 'unspecified'], []);
const causeNas = enumerated(
  ['normal-release', 'authentication-failure', 'deregister', 'unspecified'],
  ['uE-not-in-PLMN-serving-area'],
);
const causeProtocol = enumerated(
  [
    'transfer-syntax-error',
    'abstract-syntax-error-reject',
    'abstract-syntax-error-ignore-and-notify',
    'message-not-compatible-with-receiver-state',
    'semantic-error',
    'abstract-syntax-error-falsely-constructed-message',
    'unspecified',
  ],
  [],
);
const causeMisc = enumerated(
  [
    'control-processing-overload',
    'not-enough-user-plane-processing-resources',
    'hardware-failure',
    'om-intervention',
    'unknown-PLMN-or-SNPN',
    'unspecified',
  ],
  [],
);
/** Why something is done or refused, in one of five groups. Names are those of the ASN.1, with its misspellings. */
export const cause = choice({
  radioNetwork: causeRadioNetwork,
  transport: causeTransport,
  nas: causeNas,
  protocol: causeProtocol,
  misc: causeMisc,
  choiceExtensions,
});
/** A group and the reason in it. */
export type Cause = ValueOf<typeof cause>;

// Identities
/** 9.3.3.1. The number by which an AMF knows a UE; its 40 bits fit in a number exactly. */
export const amfUeNgapId = integer(0, 2 ** 40 - 1);
/** 9.3.3.2. The number by which this node knows a UE on N2. */
export const ranUeNgapId = integer(0, 2 ** 32 - 1);
/** 9.3.3.5. MCC and MNC in BCD; a filler stands for the third digit of an MNC of two. */
export const plmnIdentity = octetString(3);
/** 9.3.3.10. Tracking area code. */
export const tac = octetString(3);
/** 9.3.3.21. What an AMF calls itself; other AMFs and GUAMIs refer to it by this name. */
export const amfName = printable(1, 150, true);
/** 9.2.6.1. What this node calls itself; for people alone. */
export const ranNodeName = printable(1, 150, true);
/** 9.3.3.4. A message between UE and AMF, which NGAP does not look into. */
export const nasPdu = octetString();
/** 9.3.1.87. Key of the access for one UE. On an N3IWF it is K_N3IWF, which is the MSK of EAP-5G. */
export const securityKey = bitString(256);
/** 9.3.1.54. The UE's IMEISV with the digits that tell one device from another overwritten by ones. */
export const maskedImeisv = bitString(64);
/** 9.3.1.50. Number of a PDU session, chosen by the UE. */
export const pduSessionId = integer(0, 255);
/** 9.3.1.51. QFI: number of a flow within its session; it travels in GRE and GTP-U headers too. */
export const qosFlowIdentifier = integer(0, 63, true);
/** 9.3.1.32. Weight of an AMF among the others of its set; 0 is for when nobody else is there. */
export const relativeAmfCapacity = integer(0, 255);
/** 9.3.1.61. Index of a policy for radio resources, of which an N3IWF has none. */
export const indexToRfsp = integer(1, 256, true);
/** Number of a set of AMFs within its region; any of them may serve a UE of the set. */
export const amfSetId = bitString(10);
const amfPointer = bitString(6);

/** 9.3.3.3. Globally unique name of an AMF: PLMN, region, set, and its pointer in the set. */
export const guami = sequence({
  plmnIdentity,
  amfRegionId: bitString(8),
  amfSetId,
  amfPointer,
  ieExtensions,
});
/** A value of {@link guami}, in octets and bits as on the wire. */
export type Guami = ValueOf<typeof guami>;

/** 9.3.3.20. A UE's temporary identity within the region of its AMF, by which paging names it. */
export const fiveGSTmsi = sequence({ amfSetId, amfPointer, fiveGTmsi: octetString(4), ieExtensions });
/** 9.2.2.5. A UE in messages that end its context: by both numbers, or by that of the AMF where there is only one. */
export const ueNgapIds = choice({
  ueNgapIdPair: sequence({ amfUeNgapId, ranUeNgapId, ieExtensions }),
  amfUeNgapId,
  choiceExtensions,
});

/** 9.3.1.24. A slice: type of service and, where one type has several, which of them. */
export const sNssai = sequence({ sst: octetString(1), sd: optional(octetString(3)), ieExtensions });
/** A value of {@link sNssai}, in octets as on the wire. */
export type SNssai = ValueOf<typeof sNssai>;
/** 9.3.1.31. Slices that the UE may use here. */
export const allowedNssai = sequenceOf(sequence({ sNssai, ieExtensions }), 1, 8);
const sliceSupportList = sequenceOf(sequence({ sNssai, ieExtensions }), 1, 1024); // 9.3.1.17

/**
 * 9.3.1.5. Who a RAN node is. An N3IWF is `globalN3iwfId`; a profile may put it in the guise of a gNB. The last three came
 * with a later release, as IEs of the choice's extension.
 */
export const globalRanNodeId = extendedChoice(
  {
    globalGnbId: sequence({
      plmnIdentity,
      gnbId: choice({ gnbId: bitString(22, 32), choiceExtensions }),
      ieExtensions,
    }),
    globalNgEnbId: sequence({
      plmnIdentity,
      ngEnbId: choice({
        macroNgEnbId: bitString(20),
        shortMacroNgEnbId: bitString(18),
        longMacroNgEnbId: bitString(21),
        choiceExtensions,
      }),
      ieExtensions,
    }),
    globalN3iwfId: sequence({
      plmnIdentity,
      n3iwfId: choice({ n3iwfId: bitString(16), choiceExtensions }),
      ieExtensions,
    }),
  },
  {
    globalTngfId: mandatory(
      240,
      'reject',
      sequence({
        plmnIdentity,
        tngfId: choice({ tngfId: bitString(32, 32, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.161
    globalTwifId: mandatory(
      241,
      'reject',
      sequence({
        plmnIdentity,
        twifId: choice({ twifId: bitString(32, 32, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.163
    globalWAgfId: mandatory(
      242,
      'reject',
      sequence({
        plmnIdentity,
        wAgfId: choice({ wAgfId: bitString(16, 16, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.162
  },
);
/** A value of {@link globalRanNodeId}: the kind of node and its ID. */
export type GlobalRanNodeId = ValueOf<typeof globalRanNodeId>;

/** NG Setup, from the node: its tracking areas, with the PLMNs broadcast there and their slices. */
export const supportedTaList = sequenceOf(
  sequence({
    tac,
    broadcastPlmnList: sequenceOf(
      sequence({ plmnIdentity, taiSliceSupportList: sliceSupportList, ieExtensions }),
      1,
      12,
    ),
    ieExtensions,
  }),
  1,
  256,
);
/** NG Setup, from the AMF: the names under which it serves, each with who stands in when it is gone. */
export const servedGuamiList = sequenceOf(
  sequence({ guami, backupAmfName: optional(amfName), ieExtensions }),
  1,
  256,
);
/** NG Setup, from the AMF: PLMNs that it serves, with their slices. */
export const plmnSupportList = sequenceOf(sequence({ plmnIdentity, sliceSupportList, ieExtensions }), 1, 12);
/** 9.3.1.90. Cycle of paging in radio frames: mandatory in NG Setup, without meaning where there is no radio. */
export const pagingDrx = enumerated(['v32', 'v64', 'v128', 'v256'], []);
/** 9.3.1.56. How long a refused request is not to be made again. */
export const timeToWait = enumerated(['v1s', 'v2s', 'v5s', 'v10s', 'v20s', 'v60s'], []);
/** In NG Setup: contexts of UEs from before are kept on this side. */
export const ueRetentionInformation = enumerated(['ues-retained'], []);
/** With the first message of a UE: the node wants a context for it, and with it the key. */
export const ueContextRequest = enumerated(['requested'], []);
/** 9.3.1.111. What a UE connects for. Over an N3IWF it comes from the EAP-5G establishment cause. */
export const rrcEstablishmentCause = enumerated(
  [
    'emergency',
    'highPriorityAccess',
    'mt-Access',
    'mo-Signalling',
    'mo-Data',
    'mo-VoiceCall',
    'mo-VideoCall',
    'mo-SMS',
    'mps-PriorityAccess',
    'mcs-PriorityAccess',
  ],
  ['notAvailable', 'mo-ExceptionData'],
);
/** A value of {@link rrcEstablishmentCause}. */
export type RRCEstablishmentCause = ValueOf<typeof rrcEstablishmentCause>;

// Where the UE is [TS38413 9.3.1.16]
/** 9.3.2.4. IPv4 in 32 bits, IPv6 in 128, both in 160 with IPv4 first. */
const transportLayerAddress = bitString(1, 160, true);
const portNumber = octetString(2);
/** Seconds since 1900, the first half of an NTP time stamp. */
const timeStamp = octetString(4);
const tai = sequence({ plmnIdentity, tac, ieExtensions }); // 9.3.3.11
const eutraCgi = sequence({ plmnIdentity, eutraCellIdentity: bitString(28), ieExtensions }); // 9.3.1.9
const nrCgi = sequence({ plmnIdentity, nrCellIdentity: bitString(36), ieExtensions }); // 9.3.1.7
const hfcNodeId = octetString();
const globalCableId = octetString();
const userLocationInformationWAgf = extendedChoice(
  {
    globalLineId: sequence({
      globalLineIdentity: octetString(),
      lineType: optional(enumerated(['dsl', 'pon'], [])),
      ieExtensions,
    }),
    hfcNodeId,
  },
  {
    globalCableId: mandatory(275, 'ignore', globalCableId),
    hfcNodeIdNew: mandatory(362, 'ignore', sequence({ hfcNodeId, tai, ieExtensions })),
    globalCableIdNew: mandatory(363, 'ignore', sequence({ globalCableId, tai, ieExtensions })),
  },
);
/** 9.3.1.16. Where a UE is, by the kind of its access: for an N3IWF the UE's outer address and port. */
export const userLocationInformation = extendedChoice(
  {
    userLocationInformationEUTRA: sequence({
      eutraCgi,
      tai,
      timeStamp: optional(timeStamp),
      ieExtensions,
    }),
    userLocationInformationNR: sequence({
      nrCgi,
      tai,
      timeStamp: optional(timeStamp),
      ieExtensions,
    }),
    userLocationInformationN3IWF: sequence({ ipAddress: transportLayerAddress, portNumber, ieExtensions }),
  },
  {
    userLocationInformationTNGF: mandatory(
      244,
      'ignore',
      sequence({
        tnapId: octetString(),
        ipAddress: transportLayerAddress,
        portNumber: optional(portNumber),
        ieExtensions,
      }),
    ),
    userLocationInformationTWIF: mandatory(
      248,
      'ignore',
      sequence({
        twapId: octetString(),
        ipAddress: transportLayerAddress,
        portNumber: optional(portNumber),
        ieExtensions,
      }),
    ),
    userLocationInformationWAGF: mandatory(243, 'ignore', userLocationInformationWAgf),
  },
);
/** A value of {@link userLocationInformation}: the kind of access and the place. */
export type UserLocationInformation = ValueOf<typeof userLocationInformation>;

// Errors [TS38413 9.3.1.3]
const criticality = enumerated(['reject', 'ignore', 'notify']);
/** What was wrong with a message: its procedure, and each IE that was missing or not understood. */
export const criticalityDiagnostics = sequence({
  procedureCode: optional(integer(0, 255)),
  triggeringMessage: optional(
    enumerated(['initiating-message', 'successful-outcome', 'unsuccessfull-outcome']),
  ),
  procedureCriticality: optional(criticality),
  iesCriticalityDiagnostics: optional(
    sequenceOf(
      sequence({
        ieCriticality: criticality,
        ieId: integer(0, 65535),
        typeOfError: enumerated(['not-understood', 'missing'], []),
        ieExtensions,
      }),
      1,
      256,
    ),
  ),
  ieExtensions,
});
/** A value of {@link criticalityDiagnostics}. */
export type CriticalityDiagnostics = ValueOf<typeof criticalityDiagnostics>;

// Security
/** One bit an algorithm, from algorithm 1. */
const algorithms = bitString(16, 16, true);
/** 9.3.1.86. Algorithms of a UE as bit maps: the first bit is algorithm 1, as everybody has algorithm 0. */
export const ueSecurityCapabilities = sequence({
  nrEncryptionAlgorithms: algorithms,
  nrIntegrityProtectionAlgorithms: algorithms,
  eutraEncryptionAlgorithms: algorithms,
  eutraIntegrityProtectionAlgorithms: algorithms,
  ieExtensions,
});
const protection = enumerated(['required', 'preferred', 'not-needed'], []);
/** 9.3.1.27. How user packets of a session are to be protected on the access; on NWu the Child SA does both. */
export const securityIndication = sequence({
  integrityProtectionIndication: protection,
  confidentialityProtectionIndication: protection,
  maximumIntegrityProtectedDataRateUl: optional(enumerated(['bitrate64kbs', 'maximum-UE-rate'], [])),
  ieExtensions,
});
const performed = enumerated(['performed', 'not-performed'], []);
/** 9.3.1.59. The answer to {@link securityIndication} where it left a choice. */
export const securityResult = sequence({
  integrityProtectionResult: performed,
  confidentialityProtectionResult: performed,
  ieExtensions,
});

// Quality of service
/** Bit/s; the extension is there for more than 4 Tbit/s. */
const bitRate = integer(0, 4_000_000_000_000, true); // 9.3.1.4
/** 9.3.1.58. Limit for all flows of a UE without a guaranteed bit rate together, in bit/s. */
export const ueAggregateMaximumBitRate = sequence({
  ueAggregateMaximumBitRateDl: bitRate,
  ueAggregateMaximumBitRateUl: bitRate,
  ieExtensions,
});
/** 9.3.1.102. Limit for all flows of a session without a guaranteed bit rate together, in bit/s. */
export const pduSessionAggregateMaximumBitRate = sequence({
  pduSessionAggregateMaximumBitRateDl: bitRate,
  pduSessionAggregateMaximumBitRateUl: bitRate,
  ieExtensions,
});
/** 5QI: row of the table in TS 23.501 5.7.4. */
const fiveQi = integer(0, 255, true);
const priorityLevelQos = integer(1, 127, true);
/** Over how many ms a guaranteed bit rate is reckoned. */
const averagingWindow = integer(0, 4095, true);
/** Octets within one packet delay budget. */
const maximumDataBurstVolume = integer(0, 4095, true);
const digit = integer(0, 9, true);
const qosCharacteristics = choice({
  nonDynamic5qi: sequence({
    fiveQi,
    priorityLevelQos: optional(priorityLevelQos),
    averagingWindow: optional(averagingWindow),
    maximumDataBurstVolume: optional(maximumDataBurstVolume),
    ieExtensions,
  }),
  dynamic5qi: sequence({
    priorityLevelQos,
    // in units of 0.5 ms
    packetDelayBudget: integer(0, 1023, true),
    // scalar times ten to the minus exponent
    packetErrorRate: sequence({ perScalar: digit, perExponent: digit, ieExtensions }),
    fiveQi: optional(fiveQi),
    delayCritical: optional(enumerated(['delay-critical', 'non-delay-critical'], [])),
    averagingWindow: optional(averagingWindow),
    maximumDataBurstVolume: optional(maximumDataBurstVolume),
    ieExtensions,
  }),
  choiceExtensions,
});
/** Tenths of a percent. */
const packetLossRate = integer(0, 1000, true);
const gbrQosInformation = sequence({
  maximumFlowBitRateDl: bitRate,
  maximumFlowBitRateUl: bitRate,
  guaranteedFlowBitRateDl: bitRate,
  guaranteedFlowBitRateUl: bitRate,
  notificationControl: optional(enumerated(['notification-requested'], [])),
  maximumPacketLossRateDl: optional(packetLossRate),
  maximumPacketLossRateUl: optional(packetLossRate),
  ieExtensions,
});
/**
 * 9.3.1.12. How packets of a flow are to be treated: a 5QI of the standard's table or its parameters one by one, who may push whom
 * aside, and for a guaranteed bit rate its limits in bit/s.
 */
export const qosFlowLevelQosParameters = sequence({
  qosCharacteristics,
  allocationAndRetentionPriority: sequence({
    priorityLevelArp: integer(1, 15),
    preEmptionCapability: enumerated(['shall-not-trigger-pre-emption', 'may-trigger-pre-emption'], []),
    preEmptionVulnerability: enumerated(['not-pre-emptable', 'pre-emptable'], []),
    ieExtensions,
  }),
  gbrQosInformation: optional(gbrQosInformation),
  reflectiveQosAttribute: optional(enumerated(['subject-to'], [])),
  additionalQosFlowInformation: optional(enumerated(['more-likely'], [])),
  ieExtensions,
});
/** A value of {@link qosFlowLevelQosParameters}. */
export type QosFlowLevelQosParameters = ValueOf<typeof qosFlowLevelQosParameters>;

// Tunnels
/** 9.3.2.2. End of a GTP-U tunnel: an address of 32 bits (IPv4), 128 (IPv6) or 160 (both, IPv4 first), and the end's TEID. */
export const upTransportLayerInformation = choice({
  gTPTunnel: sequence({ transportLayerAddress, gtpTeid: octetString(4), ieExtensions }),
  choiceExtensions,
});
/** A value of {@link upTransportLayerInformation}. */
export type UpTransportLayerInformation = ValueOf<typeof upTransportLayerInformation>;
/** 9.3.1.52. What the user packets of a session are. */
export const pduSessionType = enumerated(['ipv4', 'ipv6', 'ipv4v6', 'ethernet', 'unstructured'], []);

/** 9.3.1.14. What an operator wants traced, and where to. An N3IWF answers that it does not trace. */
export const traceActivation = sequence({
  ngranTraceId: octetString(8),
  interfacesToTrace: bitString(8),
  traceDepth: enumerated(
    [
      'minimum',
      'medium',
      'maximum',
      'minimumWithoutVendorSpecificExtension',
      'mediumWithoutVendorSpecificExtension',
      'maximumWithoutVendorSpecificExtension',
    ],
    [],
  ),
  traceCollectionEntityIpAddress: transportLayerAddress,
  ieExtensions,
});

const resetItem = sequence({
  amfUeNgapId: optional(amfUeNgapId),
  ranUeNgapId: optional(ranUeNgapId),
  ieExtensions,
});
/** UEs of a partial reset, each by one of its numbers or both. */
export const logicalConnectionList = sequenceOf(resetItem, 1, 65536);
/** Whether a reset forgets all UEs of the interface, or those that it lists. */
export const resetType = choice({
  ngInterface: enumerated(['reset-all'], []),
  partOfNgInterface: logicalConnectionList,
  choiceExtensions,
});

// TNL associations of an AMF [TS38413 9.3.2.6]
/** Address of an end of N2, of 32, 128 or 160 bits as in tunnel ends. */
export const cpTransportLayerInformation = choice({
  endpointIpAddress: transportLayerAddress,
  choiceExtensions,
});
const tnlAssociationUsage = enumerated(['ue', 'non-ue', 'both'], []); // 9.3.2.9
/** 9.3.2.10. Share of UEs for one of several addresses; 0: for no first message of a UE. */
const tnlAddressWeightFactor = integer(0, 255);
const tnlList = <T>(item: Asn<T>) => sequenceOf(item, 1, 32);
/** Further addresses of an AMF, each with what it is for and its weight, which the node is to associate with. */
export const amfTnlAssociationToAddList = tnlList(
  sequence({
    amfTnlAssociationAddress: cpTransportLayerInformation,
    tnlAssociationUsage: optional(tnlAssociationUsage),
    tnlAddressWeightFactor,
    ieExtensions,
  }),
);
/** Addresses of an AMF that go. */
export const amfTnlAssociationToRemoveList = tnlList(
  sequence({ amfTnlAssociationAddress: cpTransportLayerInformation, ieExtensions }),
);
/** Addresses of an AMF whose use or weight changes. */
export const amfTnlAssociationToUpdateList = tnlList(
  sequence({
    amfTnlAssociationAddress: cpTransportLayerInformation,
    tnlAssociationUsage: optional(tnlAssociationUsage),
    tnlAddressWeightFactor: optional(tnlAddressWeightFactor),
    ieExtensions,
  }),
);
/** Answer to the list of further addresses: those that were reached. */
export const amfTnlAssociationSetupList = tnlList(
  sequence({ amfTnlAssociationAddress: cpTransportLayerInformation, ieExtensions }),
);
/** Answer to the list of further addresses: those that were not, each with its cause. */
export const tnlAssociationList = tnlList(
  sequence({ tnlAssociationAddress: cpTransportLayerInformation, cause, ieExtensions }),
);
/** The node's addresses that go; the one sequence of these lists that the standard made without `...`. */
export const ngranTnlAssociationToRemoveList = tnlList(
  sequence(
    {
      tnlAssociationTransportLayerAddress: cpTransportLayerInformation,
      tnlAssociationTransportLayerAddressAmf: optional(cpTransportLayerInformation),
      ieExtensions,
    },
    false,
  ),
);

// Load and state of an AMF
const overloadAction = enumerated(
  [
    'reject-non-emergency-mo-dt',
    'reject-rrc-cr-signalling',
    'permit-emergency-sessions-and-mobile-terminated-services-only',
    'permit-high-priority-sessions-and-mobile-terminated-services-only',
  ],
  [],
); // 9.3.1.105
/** 9.3.1.104. What an overloaded AMF wants turned away. */
export const overloadResponse = choice({ overloadAction, choiceExtensions });
/** 9.3.1.106. How much of that is to be turned away, in percent. */
export const trafficLoadReductionIndication = integer(1, 99);
/** Overload of some slices alone, each with what to turn away and how much. */
export const overloadStartNssaiList = sequenceOf(
  sequence({
    sliceOverloadList: sequenceOf(sequence({ sNssai, ieExtensions }), 1, 1024),
    sliceOverloadResponse: optional(overloadResponse),
    sliceTrafficLoadReductionIndication: optional(trafficLoadReductionIndication),
    ieExtensions,
  }),
  1,
  1024,
);
/** Names that an AMF gives up, each with who stands in: after that their UEs go there. */
export const unavailableGuamiList = sequenceOf(
  sequence({
    guami,
    timerApproachForGuamiRemoval: optional(enumerated(['apply-timer'], [])),
    backupAmfName: optional(amfName),
    ieExtensions,
  }),
  1,
  256,
);

// Location reporting [TS38413 9.3.1.65]
const locationReportingReferenceId = integer(1, 64, true); // 9.3.1.76
const ngranCgi = choice({ nrCgi, eutraCgi, choiceExtensions }); // 9.3.1.73
const areaOfInterest = sequence({
  areaOfInterestTaiList: optional(sequenceOf(sequence({ tai, ieExtensions }), 1, 16)),
  areaOfInterestCellList: optional(sequenceOf(sequence({ ngranCgi, ieExtensions }), 1, 256)),
  areaOfInterestRanNodeList: optional(sequenceOf(sequence({ globalRanNodeId, ieExtensions }), 1, 64)),
  ieExtensions,
}); // 9.3.1.66
/** What of a UE is to be reported: where it is now, when it moves, or whether it is in an area. */
export const locationReportingRequestType = sequence({
  eventType: enumerated(
    [
      'direct',
      'change-of-serve-cell',
      'ue-presence-in-area-of-interest',
      'stop-change-of-serve-cell',
      'stop-ue-presence-in-area-of-interest',
      'cancel-location-reporting-for-the-ue',
    ],
    [],
  ),
  reportArea: enumerated(['cell'], []),
  areaOfInterestList: optional(
    sequenceOf(sequence({ areaOfInterest, locationReportingReferenceId, ieExtensions }), 1, 64),
  ),
  locationReportingReferenceIdToBeCancelled: optional(locationReportingReferenceId),
  ieExtensions,
});
/** For each area that was asked about, whether the UE is in it. */
export const uePresenceInAreaOfInterestList = sequenceOf(
  sequence({
    locationReportingReferenceId,
    uePresence: enumerated(['in', 'out', 'unknown'], []),
    ieExtensions,
  }),
  1,
  64,
);

// Paging and the rest
/** Number of a trace, by which it is ended again. */
export const ngranTraceId = octetString(8);
/** 9.3.3.18. Whom a Paging is for. */
export const uePagingIdentity = choice({ fiveGSTmsi, choiceExtensions });
/** Tracking areas in which a UE is to be paged. */
export const taiListForPaging = sequenceOf(sequence({ tai, ieExtensions }), 1, 16);
/** 9.3.1.78. Rank of a Paging; 1 is the most urgent. */
export const pagingPriority = enumerated(
  [
    'priolevel1',
    'priolevel2',
    'priolevel3',
    'priolevel4',
    'priolevel5',
    'priolevel6',
    'priolevel7',
    'priolevel8',
  ],
  [],
);
/** 9.3.3.22. Says that what the UE is paged for came by way of its non-3GPP access. */
export const pagingOrigin = enumerated(['non-3gpp'], []);
/** 9.3.1.92. State of a UE's radio connection, which an N3IWF has none of. */
export const rrcState = enumerated(['inactive', 'connected'], []);
/** 9.3.1.91. Which changes of {@link rrcState} are to be reported. */
export const rrcInactiveTransitionReportRequest = enumerated(
  ['subsequent-state-transition-report', 'single-rrc-connected-state-report', 'cancel-report'],
  [],
);
/** 9.3.3.15. Rank of pagings that the RAN starts by itself. */
export const ranPagingPriority = integer(1, 256);
/** 9.3.1.26. Tells a gNB to move a UE to another system for an emergency call. */
export const emergencyFallbackIndicator = sequence({
  emergencyFallbackRequestIndicator: enumerated(['emergency-fallback-requested'], []),
  emergencyServiceTargetCn: optional(enumerated(['fiveGC', 'epc'], [])),
  ieExtensions,
});
/** 9.3.1.116. Whether a gNB may redirect a UE for voice. */
export const redirectionVoiceFallback = enumerated(['possible', 'not-possible'], []);
/** 9.3.1.142. Short name of a set of radio capabilities. */
export const ueRadioCapabilityId = octetString();
