/** Faults an operator can act on. The message says what, where and what would be right; the CLI prints it and exits. */
export class OperatorError extends Error {
  readonly code: OperatorErrorCode;

  constructor(code: OperatorErrorCode, message: string) {
    super(message);
    this.name = 'OperatorError';
    this.code = code;
  }
}

/** Exit status of the process for each kind of fault. */
export const exitCodes = {
  N3IWF_E_CONFIG: 2,
  N3IWF_E_BIND: 3,
  N3IWF_E_KME: 4,
  N3IWF_E_N2: 5,
  N3IWF_E_PLATFORM: 6,
  N3IWF_E_STORE: 7,
  /** 8 is the doctor's, for warnings. */
  N3IWF_E_CONTROL: 9,
} as const;

/** Kind of fault; its name stands in logs. */
export type OperatorErrorCode = keyof typeof exitCodes;
