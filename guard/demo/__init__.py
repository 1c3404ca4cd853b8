"""The demo: a real model behind guard, with honest and hostile traffic over real HTTP."""
