import type { ServerConnection } from '@jupyterlab/services';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;

interface StreamHandlers {
  onOpen(): void;
  onMessage(message: Record<string, unknown>): void;
  /** Called with the number of attempts in a row that failed. */
  onLost(failures: number): void;
}

/** One web socket that comes back by itself, sooner at first, then every 15 seconds. */
export class Stream {
  private socket: WebSocket | undefined;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted = false;

  constructor(
    private settings: ServerConnection.ISettings,
    private url: string,
    private handlers: StreamHandlers
  ) {}

  open(): void {
    if (this.wanted) {
      return;
    }
    this.wanted = true;
    window.addEventListener('online', this.hurry);
    document.addEventListener('visibilitychange', this.hurry);
    this.connect();
  }

  close(): void {
    this.wanted = false;
    window.removeEventListener('online', this.hurry);
    document.removeEventListener('visibilitychange', this.hurry);
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = undefined;
  }

  /** Lost without a connection; whoever opens it again announces what it follows. */
  send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  /** Try again at once, because the server may be there again. */
  hurry = (): void => {
    if (this.wanted && !this.socket && !document.hidden) {
      clearTimeout(this.timer);
      this.connect();
    }
  };

  private connect(): void {
    const { token, appendToken, WebSocket: Socket } = this.settings;
    const url = appendToken && token ? `${this.url}?token=${encodeURIComponent(token)}` : this.url;
    const socket = new Socket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.failures = 0;
      this.handlers.onOpen();
    };
    socket.onmessage = event => {
      this.handlers.onMessage(JSON.parse(String(event.data)) as Record<string, unknown>);
    };
    socket.onclose = () => {
      if (this.socket !== socket) {
        return;
      }
      this.socket = undefined;
      this.failures += 1;
      this.handlers.onLost(this.failures);
      if (this.wanted) {
        const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.failures - 1));
        this.timer = setTimeout(() => this.connect(), delay * (0.75 + Math.random() / 2));
      }
    };
  }
}
