"""Our own browser components, their scripts served as files: the CSP allows no other."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

FAMILY = "groundwork"


def component(name: str, folder: Path, *, js: str) -> ComponentRenderer:
    """The component `name`, whose script is the file `js` in `folder`.

    Streamlit looks for packaged components in installed packages only, and loads inline scripts
    as blobs; so the folder is made known by hand, once a process.
    """
    full, manager = f"{FAMILY}.{name}", get_bidi_component_manager()
    if manager.get_component_asset_root(full) is None:
        config = ComponentConfig(name, folder.name)
        manager.register_from_manifest(ComponentManifest(FAMILY, "1", [config]), folder.parent)
    return st.components.v2.component(full, js=js)
