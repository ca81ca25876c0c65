"""The theme's classes, typed as the classes of Django that they extend: the theme says no types of its own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as ThemedSite
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin.forms import AdminAuthenticationForm as ThemedLogin
    from django.contrib.admin.views.main import ChangeList as ThemedList
    from django.core.paginator import Paginator
    from django.db.models import Model

    ThemedAdmin = _ModelAdmin[Model]
    Pages = Paginator[Model]
else:
    from django.core.paginator import Paginator as Pages
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.forms import AuthenticationForm as ThemedLogin
    from unfold.sites import UnfoldAdminSite as ThemedSite
    from unfold.views import ChangeList as ThemedList

__all__ = ["Pages", "ThemedAdmin", "ThemedList", "ThemedLogin", "ThemedSite"]
