"""Scripts: one file each, defining `script`; underscored names are machinery."""
