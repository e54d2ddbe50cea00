// Hand and wheel on a picture of time: drag and horizontal wheel move it, pinch, Ctrl with the wheel, and the wheel over the
// axis bring it nearer; a plain wheel scrolls the lanes as it does everywhere.

export interface Hand {
  pan(pixels: number, isResting: boolean): void;
  zoom(factor: number, x: number, isResting: boolean): void;
  isAxis(y: number): boolean;
  point(x: number, y: number, pageX: number, pageY: number): void;
  leave(): void;
  click(x: number, y: number): void;
  /** A double click. */
  open(x: number): void;
}

/** Pixels that a finger may move and still tap. */
const still = 5;

/** Follows the pointers over an element. */
export function follow(element: HTMLElement, hand: Hand): void {
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  let taps = 0;
  let lastTap = 0;
  const place = (event: PointerEvent | WheelEvent): { x: number; y: number } => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const apart = (): { distance: number; middle: number } => {
    const [a, b] = [...pointers.values()];
    return a && b ? { distance: Math.max(Math.abs(a.x - b.x), 20), middle: (a.x + b.x) / 2 } : { distance: 1, middle: 0 };
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) moved = 0;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      hand.point(now.x, now.y, event.clientX, event.clientY);
      return;
    }
    const old = apart();
    pointers.set(event.pointerId, now);
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (pointers.size === 2) {
      const next = apart();
      hand.pan(next.middle - old.middle, false);
      hand.zoom(old.distance / next.distance, next.middle, false);
    } else if (moved > still) {
      hand.leave();
      hand.pan(now.x - before.x, false);
    }
  });
  const up = (event: PointerEvent): void => {
    const was = pointers.delete(event.pointerId);
    if (!was || pointers.size > 0) return;
    if (moved > still || event.type === "pointercancel") {
      hand.pan(0, true);
      return;
    }
    const at = place(event);
    taps = event.timeStamp - lastTap < 350 ? taps + 1 : 1;
    lastTap = event.timeStamp;
    if (taps === 2 || hand.isAxis(at.y)) hand.open(at.x);
    else hand.click(at.x, at.y);
  };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => pointers.size === 0 && hand.leave());
  element.addEventListener(
    "wheel",
    (event) => {
      const at = place(event);
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (event.ctrlKey || event.metaKey || (hand.isAxis(at.y) && !isSideways)) hand.zoom(Math.exp(Math.max(-1, Math.min(1, (event.deltaY * unit) / 240))), at.x, true);
      else if (isSideways) hand.pan(-(event.deltaX || event.deltaY) * unit, true);
      else return;
      event.preventDefault();
    },
    { passive: false },
  );
}
