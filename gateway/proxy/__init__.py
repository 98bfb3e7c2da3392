"""One exchange's life; read handler.py first."""
