/** What every watched operation answers with, and the log. */

export interface Update {
  Cursor: string;
  Reset: boolean;
}

export interface LogUpdate extends Update {
  Ended: boolean;
  FirstLine: number;
  Text: string;
  DroppedBytes: number;
}
