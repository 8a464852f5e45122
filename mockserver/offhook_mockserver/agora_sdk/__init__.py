"""A stand-in for Agora's native library, and the folder from which programs on Agora's SDK load it.

`native` holds the library in C: upstream's Python layer loads it unmodified, and it joins the mock's rooms through the
PCM door (`docs/reference/pcm-door.md`), over loopback only. `build` compiles it. `sdist` obtains upstream's Python
layer, and `stage` lays both out in a folder. This room needs a C compiler at run time, and no other room of the mock.
"""

from __future__ import annotations
