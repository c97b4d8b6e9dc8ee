"""How the pages of docs/ become a site: `make docs`."""

project = "Reef"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
html_theme = "furo"
html_title = "Reef"
html_show_sphinx = False
html_show_copyright = False
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 4
